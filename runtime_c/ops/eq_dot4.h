/* eq_dot4.h - dot products of one row with four columns, portable C. */
#ifndef EQ_DOT4_H
#define EQ_DOT4_H

#include <stdint.h>

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

#endif
