/* eq_dot4_dsp.h - dot products of one row with four columns, and their outputs: halfwords in pairs
 * through SMLAD, SMMULR as the rounding doubling multiply. Arm DSP ISA. */
#ifndef EQ_DOT4_DSP_H
#define EQ_DOT4_DSP_H

#include <arm_acle.h>

#include "eq_gemm_dsp.h"
#include "eq_dense.h"
#include "eq_requant.h"

/* Bytes 1 and 3 of a word as halfwords. */
static inline int16x2_t eq_odd_bytes(uint32_t x)
{
    return __sxtb16((int8x4_t)(x >> 8 | x << 24));
}

static inline int32_t eq_sum(const int8_t *x, int32_t k)
{
    int32_t sum = 0, i = 0;
    for (; i + 4 <= k; i += 4) {
        const uint32_t v = eq_load4(x + i);
        sum = __smlad(__sxtb16((int8x4_t)v), 0x00010001, sum);
        sum = __smlad(eq_odd_bytes(v), 0x00010001, sum);
    }
    for (; i < k; i++) {
        sum += x[i];
    }
    return sum;
}

/* acc + four products. */
static inline int32_t eq_mac4(int32_t acc, int16x2_t even, int16x2_t odd, const int8_t *b)
{
    const uint32_t v = eq_load4(b);
    acc = __smlad(even, __sxtb16((int8x4_t)v), acc);
    return __smlad(odd, eq_odd_bytes(v), acc);
}

/* acc[j] = sum(a * b[j]) over k values; the sum of a. */
static inline int32_t eq_dot4(const int8_t *a, const int8_t *const b[4], int32_t k,
                              int32_t acc[4])
{
    const int8_t *b0 = b[0], *b1 = b[1], *b2 = b[2], *b3 = b[3];
    int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0, sum = 0, i = 0;
    for (; i + 4 <= k; i += 4) {
        const uint32_t v = eq_load4(a + i);
        const int16x2_t even = __sxtb16((int8x4_t)v), odd = eq_odd_bytes(v);
        s0 = eq_mac4(s0, even, odd, b0 + i);
        s1 = eq_mac4(s1, even, odd, b1 + i);
        s2 = eq_mac4(s2, even, odd, b2 + i);
        s3 = eq_mac4(s3, even, odd, b3 + i);
        sum = __smlad(even, 0x00010001, sum);
        sum = __smlad(odd, 0x00010001, sum);
    }
    for (; i < k; i++) {
        const int32_t x = a[i];
        s0 += x * b0[i];
        s1 += x * b1[i];
        s2 += x * b2[i];
        s3 += x * b3[i];
        sum += x;
    }
    acc[0] = s0;
    acc[1] = s1;
    acc[2] = s2;
    acc[3] = s3;
    return sum;
}

/* Outputs of the first n of four sums; they keep a bit free for the doubling. */
static inline void eq_put4(const eq_matmul_s8_t *p, const int32_t acc[4], int8_t *y, int32_t n)
{
    const int32_t up = p->shift > 0 ? p->shift + 1 : 1;
    const int32_t right = p->shift > 0 ? 0 : -p->shift;
    for (int32_t j = 0; j < n; j++) {
        const int32_t x = eq_smmulr((int32_t)((uint32_t)acc[j] << up), p->mult);
        const int32_t v = eq_rounding_shift(x, right) + p->out_zero;
        y[j * p->y_col] = (int8_t)eq_clamp(v, INT8_MIN, INT8_MAX);
    }
}

#endif
