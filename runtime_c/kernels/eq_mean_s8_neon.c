/* eq_mean_s8_neon - mean or sum over the middle axis, NEON: 8 sums a pass, or one sum over 16 values
 * a pass; 255 of them are added in 16 bits before they are widened. */
#include "eq_pool.h"
#include "eq_neon_scale.h"

#if defined(__ARM_NEON)

typedef struct {
    eq_neon_scale_t scale;
    eq_neon_range_t range;
    int32x4_t bias;
} params_t;

/* 8 outputs: the sums of n values each, `step` apart. */
static inline int8x8_t eight(const params_t *k, const int8_t *x, int32_t n, int32_t step)
{
    int32x4_t lo = k->bias, hi = k->bias;
    while (n > 0) {
        int16x8_t part = vdupq_n_s16(0);
        int32_t some = n < 255 ? n : 255;
        n -= some;
        for (; some > 0; some--, x += step) {
            part = vaddw_s8(part, vld1_s8(x));
        }
        lo = vaddw_s16(lo, vget_low_s16(part));
        hi = vaddw_s16(hi, vget_high_s16(part));
    }
    return eq_neon_scaled8(lo, hi, k->scale, k->range);
}

/* One output: the sum of n values side by side. */
static inline int8_t one_of_line(const params_t *k, const int8_t *x, int32_t n)
{
    int32x4_t sum = vdupq_n_s32(0);
    int32_t rest = vgetq_lane_s32(k->bias, 0);
    for (; n >= 16; n -= 16, x += 16) {
        sum = vpadalq_s16(sum, vpaddlq_s8(vld1q_s8(x)));
    }
    for (; n > 0; n--) {
        rest += *x++;
    }
    const int32x4_t all = vdupq_n_s32(
        rest + vgetq_lane_s32(eq_neon_sums(sum, sum, sum, sum), 0));
    return vget_lane_s8(eq_neon_scaled8(all, all, k->scale, k->range), 0);
}

/* One output: the sum of n values, `step` apart. */
static inline int8_t one(const params_t *k, const int8_t *x, int32_t n, int32_t step)
{
    int32_t sum = vgetq_lane_s32(k->bias, 0);
    for (; n > 0; n--, x += step) {
        sum += *x;
    }
    const int32x4_t all = vdupq_n_s32(sum);
    return vget_lane_s8(eq_neon_scaled8(all, all, k->scale, k->range), 0);
}

void eq_mean_s8_neon(const eq_mean_s8_t *p, const int8_t *restrict in, int8_t *restrict out)
{
    const int32_t n = (int32_t)p->n, inner = (int32_t)p->inner;
    const params_t k = {
        eq_neon_scale(p->mult, p->shift), eq_neon_range(p->out_zero, -128, 127),
        vdupq_n_s32(p->bias),
    };
    for (uint32_t o = 0; o < p->outer; o++, in += n * inner, out += inner) {
        if (inner == 1) {
            *out = one_of_line(&k, in, n);
            continue;
        }
        int32_t i = 0;
        for (; i + 8 <= inner; i += 8) {
            vst1_s8(out + i, eight(&k, in + i, n, inner));
        }
        if (i < inner && inner >= 8) {  /* does a few twice */
            vst1_s8(out + inner - 8, eight(&k, in + inner - 8, n, inner));
        } else {
            for (; i < inner; i++) {
                out[i] = one(&k, in + i, n, inner);
            }
        }
    }
}

#endif
