/* eq_dot4.h - dot products of one row with four columns, and what becomes of them, portable C. */
#ifndef EQ_DOT4_H
#define EQ_DOT4_H

#include "eq_dense.h"
#include "eq_requant.h"

static inline int32_t eq_sum(const int8_t *x, int32_t k)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < k; i++) {
        sum += x[i];
    }
    return sum;
}

/* acc[j] = sum(a * b[j]) over k values; the sum of a. */
static inline int32_t eq_dot4(const int8_t *a, const int8_t *const b[4], int32_t k,
                              int32_t acc[4])
{
    const int8_t *b0 = b[0], *b1 = b[1], *b2 = b[2], *b3 = b[3];
    int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0, sum = 0;
    for (int32_t i = 0; i < k; i++) {
        const int16_t x = a[i];
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

/* Outputs of the first n of four sums. */
static inline void eq_put4(const eq_matmul_s8_t *p, const int32_t acc[4], int8_t *y, int32_t n)
{
    for (int32_t j = 0; j < n; j++) {
        const int32_t v = eq_requant(acc[j], p->mult, p->shift) + p->out_zero;
        y[j * p->y_col] = (int8_t)eq_clamp(v, INT8_MIN, INT8_MAX);
    }
}

#endif
