/* eq_put4_neon.h - sums and outputs of a product of activations, NEON. */
#ifndef EQ_PUT4_NEON_H
#define EQ_PUT4_NEON_H

#include "eq_dense.h"
#include "eq_neon.h"

static inline int32_t eq_sum(const int8_t *x, int32_t k)
{
    int32x4_t sums = vdupq_n_s32(0);
    int32_t i = 0;
    for (; i + 8 <= k; i += 8) {
        sums = vpadalq_s16(sums, vmovl_s8(vld1_s8(x + i)));
    }
    int32_t sum = vgetq_lane_s32(eq_neon_sums(sums, sums, sums, sums), 0);
    for (; i < k; i++) {
        sum += x[i];
    }
    return sum;
}

/* Outputs of the first n of four sums. */
static inline void eq_put4(const eq_matmul_s8_t *p, const int32_t acc[4], int8_t *y, int32_t n)
{
    const int32_t left = p->shift > 0 ? p->shift : 0;
    const int32x4_t v = vshlq_s32(vld1q_s32(acc), vdupq_n_s32(left));
    const int16x4_t r = eq_neon_requant(v, vdupq_n_s32(p->mult), vdupq_n_s32(p->shift - left));
    const int16x8_t z = vqaddq_s16(vcombine_s16(r, r), vdupq_n_s16(p->out_zero));
    int8_t four[8];
    vst1_s8(four, vqmovn_s16(z));
    for (int32_t j = 0; j < n; j++) {
        y[j * p->y_col] = four[j];
    }
}

#endif
