/* eq_dot4_neon.h - dot products of one row with four columns, NEON: 8 products a vector. */
#ifndef EQ_DOT4_NEON_H
#define EQ_DOT4_NEON_H

#include "eq_put4_neon.h"

/* acc[j] = sum(a * b[j]) over k values; the sum of a. */
static inline int32_t eq_dot4(const int8_t *a, const int8_t *const b[4], int32_t k,
                              int32_t acc[4])
{
    int32x4_t s[5];
    int32_t i = 0, sum;
    for (int32_t j = 0; j < 5; j++) {
        s[j] = vdupq_n_s32(0);
    }
    for (; i + 8 <= k; i += 8) {
        const int8x8_t x = vld1_s8(a + i);
        for (int32_t j = 0; j < 4; j++) {
            s[j] = vpadalq_s16(s[j], vmull_s8(x, vld1_s8(b[j] + i)));
        }
        s[4] = vpadalq_s16(s[4], vmovl_s8(x));
    }
    vst1q_s32(acc, eq_neon_sums(s[0], s[1], s[2], s[3]));
    sum = vgetq_lane_s32(eq_neon_sums(s[4], s[4], s[4], s[4]), 0);
    for (; i < k; i++) {
        const int32_t x = a[i];
        for (int32_t j = 0; j < 4; j++) {
            acc[j] += x * b[j][i];
        }
        sum += x;
    }
    return sum;
}

#endif
