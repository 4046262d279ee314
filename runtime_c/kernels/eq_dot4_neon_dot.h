/* eq_dot4_neon_dot.h - dot products of one row with four columns, NEON with SDOT. */
#ifndef EQ_DOT4_NEON_DOT_H
#define EQ_DOT4_NEON_DOT_H

#include "eq_put4_neon.h"

/* acc[j] = sum(a * b[j]) over k values; the sum of a. */
static inline int32_t eq_dot4(const int8_t *a, const int8_t *const b[4], int32_t k,
                              int32_t acc[4])
{
    const int8x16_t ones = vdupq_n_s8(1);
    int32x4_t s[5];
    int32_t i = 0, sum;
    for (int32_t j = 0; j < 5; j++) {
        s[j] = vdupq_n_s32(0);
    }
    for (; i + 16 <= k; i += 16) {
        const int8x16_t x = vld1q_s8(a + i);
        for (int32_t j = 0; j < 4; j++) {
            s[j] = vdotq_s32(s[j], x, vld1q_s8(b[j] + i));
        }
        s[4] = vdotq_s32(s[4], x, ones);
    }
    if (i + 8 <= k) {
        const int8x16_t x = vcombine_s8(vld1_s8(a + i), vdup_n_s8(0));
        for (int32_t j = 0; j < 4; j++) {
            s[j] = vdotq_s32(s[j], x, vcombine_s8(vld1_s8(b[j] + i), vdup_n_s8(0)));
        }
        s[4] = vdotq_s32(s[4], x, ones);
        i += 8;
    }
    vst1q_s32(acc, eq_neon_sums(s[0], s[1], s[2], s[3]));
    sum = vaddvq_s32(s[4]);
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
