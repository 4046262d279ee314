/* eq_neon_w4_conv.h - the convolution around eq_neon_w4.h. NEON. */
#ifndef EQ_NEON_W4_CONV_H
#define EQ_NEON_W4_CONV_H

#include "eq_conv.h"
#include "eq_neon_w4.h"

static inline void pixels(const eq_conv2d_s8_t *p, const int8_t *const x[4], int32_t k,
                          int8_t *const out[4])
{
    const eq_neon_range_t range = eq_neon_range(p->out_zero, p->act_min, p->act_max);
    const int8_t *w = p->weights;
    for (int32_t oc = 0; oc < p->out_c; oc += 8, w += 4 * k) {
        const int32_t m = p->out_c - oc;
        const eq_neon_params_t a = eq_neon_params(p->bias + oc, p->mult + oc, p->shift + oc);
        const eq_neon_params_t b =
            eq_neon_params(p->bias + oc + 4, p->mult + oc + 4, p->shift + oc + 4);
        int8x8_t y[EQ_W4_MOST];
        eq_w4_block(x, EQ_W4_MOST, w, k, a, b, range, y);
        for (int32_t i = 0; i < EQ_W4_MOST; i++) {
            if (m >= 8) {
                vst1_s8(out[i] + oc, y[i]);
            } else {
                eq_neon_store(out[i] + oc, y[i], m);
            }
        }
    }
}

#include "eq_neon_conv.h"

#endif
