/* eq_neon_conv_base.h - tiles of a convolution without dot product. NEON. */
#ifndef EQ_NEON_CONV_BASE_H
#define EQ_NEON_CONV_BASE_H

#include "eq_conv.h"
#include "eq_neon_tile.h"

/* 8 channels of EQ_PX pixels. */
static inline void block(const eq_conv2d_s8_t *p, const int8_t *const *x, const int8_t *w,
                         int32_t k, int32_t oc, eq_neon_range_t range, int32_t plain, int8x8_t *y)
{
    int32x4_t lo[EQ_PX], hi[EQ_PX];
    eq_neon_tile(x, w, k, lo);
    eq_neon_tile(x, w + 4 * k, k, hi);
    const int32_t *bias = p->bias + oc, *mult = p->mult + oc;
    const eq_neon_params_t a = eq_neon_params(bias, mult, p->shift + oc);
    const eq_neon_params_t b = eq_neon_params(bias + 4, mult + 4, p->shift + oc + 4);
    for (int32_t i = 0; i < EQ_PX; i++) {
        y[i] = eq_neon_outputs8(vaddq_s32(lo[i], a.bias), vaddq_s32(hi[i], b.bias), a, b, range,
                                plain);
    }
}

static inline void pixels_as(const eq_conv2d_s8_t *p, const int8_t *const *x, int32_t k,
                             int8_t *const *out, int32_t plain)
{
    const eq_neon_range_t range = eq_neon_range(p->out_zero, p->act_min, p->act_max);
    const int8_t *w = p->weights;
    int8x8_t y[EQ_PX];
    for (int32_t left = p->out_c, oc = 0; left > 0; left -= 8, oc += 8, w += 8 * k) {
        block(p, x, w, k, oc, range, plain, y);
        for (int32_t i = 0; i < EQ_PX; i++) {
            if (left >= 8) {
                vst1_s8(out[i] + oc, y[i]);
            } else {
                eq_neon_store(out[i] + oc, y[i], left);
            }
        }
    }
}

static inline void pixels(const eq_conv2d_s8_t *p, const int8_t *const x[4], int32_t k,
                          int8_t *const out[4])
{
    for (int32_t i = 0; i < 4; i += EQ_PX) {
        if (eq_neon_plain(p->out_zero, p->act_min, p->act_max)) {
            pixels_as(p, x + i, k, out + i, 1);
        } else {
            pixels_as(p, x + i, k, out + i, 0);
        }
    }
}

#include "eq_neon_conv.h"

#endif
