/* eq_conv2d_s8_neon_dot - convolution, NEON with SDOT by element: a vector of weights holds 4
 * channels x 4 k, so sums come out one channel a lane; tiles of 4 pixels x 16 channels. */
#include "eq_neon.h"

#if defined(__ARM_FEATURE_DOTPROD)

/* acc += 4 channels x 16 k of weights w times one pixel's 16 bytes v. */
static inline int32x4_t dot16(int32x4_t acc, int8x16x4_t w, int8x16_t v)
{
    acc = vdotq_laneq_s32(acc, w.val[0], v, 0);
    acc = vdotq_laneq_s32(acc, w.val[1], v, 1);
    acc = vdotq_laneq_s32(acc, w.val[2], v, 2);
    return vdotq_laneq_s32(acc, w.val[3], v, 3);
}

/* sums[i][c] = bias + pixel x[i] times channels 4c .. 4c+3 of the 16 in w. */
static inline void tile(const int8_t *const x[4], const int8_t *w, int32_t k,
                        const eq_neon_params_t q[4], int32x4_t sums[4][4])
{
    for (int32_t i = 0; i < 4; i++) {
        for (int32_t c = 0; c < 4; c++) {
            sums[i][c] = q[c].bias;
        }
    }
    for (int32_t j = 0; j < k; j += 16) {
        int8x16_t v[4];
        for (int32_t i = 0; i < 4; i++) {
            v[i] = vld1q_s8(x[i] + j);
        }
        for (int32_t c = 0; c < 4; c++, w += 64) {
            const int8x16x4_t u = vld1q_s8_x4(w);
            for (int32_t i = 0; i < 4; i++) {
                sums[i][c] = dot16(sums[i][c], u, v[i]);
            }
        }
    }
}

/* 16 channels of 4 pixels. */
static inline void block(const eq_conv2d_s8_t *p, const int8_t *const x[4], const int8_t *w,
                         int32_t k, int32_t oc, eq_neon_range_t range, int32_t plain,
                         int8x16_t y[4])
{
    eq_neon_params_t q[4];
    int32x4_t sums[4][4];
    for (int32_t c = 0; c < 4; c++) {
        q[c] = eq_neon_params(p->bias + oc + 4 * c, p->mult + oc + 4 * c, p->shift + oc + 4 * c);
    }
    tile(x, w, k, q, sums);
    for (int32_t i = 0; i < 4; i++) {
        y[i] = vcombine_s8(eq_neon_outputs8(sums[i][0], sums[i][1], q[0], q[1], range, plain),
                           eq_neon_outputs8(sums[i][2], sums[i][3], q[2], q[3], range, plain));
    }
}

static inline void pixels_as(const eq_conv2d_s8_t *p, const int8_t *const x[4], int32_t k,
                             int8_t *const out[4], int32_t plain)
{
    const eq_neon_range_t range = eq_neon_range(p->out_zero, p->act_min, p->act_max);
    const int8_t *w = p->weights;
    int8x16_t y[4];
    int32_t oc = 0;
    for (; oc + 16 <= p->out_c; oc += 16, w += 16 * k) {
        block(p, x, w, k, oc, range, plain, y);
        for (int32_t i = 0; i < 4; i++) {
            vst1q_s8(out[i] + oc, y[i]);
        }
    }
    if (oc < p->out_c) {
        block(p, x, w, k, oc, range, plain, y);
        for (int32_t i = 0; i < 4; i++) {
            eq_neon_store(out[i] + oc, vget_low_s8(y[i]), p->out_c - oc);
            eq_neon_store(out[i] + oc + 8, vget_high_s8(y[i]), p->out_c - oc - 8);
        }
    }
}

static void pixels(const eq_conv2d_s8_t *p, const int8_t *const x[4], int32_t k,
                   int8_t *const out[4])
{
    if (eq_neon_plain(p->out_zero, p->act_min, p->act_max)) {
        pixels_as(p, x, k, out, 1);
    } else {
        pixels_as(p, x, k, out, 0);
    }
}

#include "eq_neon_conv.h"

void eq_conv2d_s8_neon_dot(const eq_conv2d_s8_t *p, const int8_t *restrict in,
                           int8_t *restrict out, void *restrict scratch)
{
    eq_neon_conv(p, in, out, scratch);
}

#endif
