/* eq_dot_s16.h - requantization and dot product of 16-bit activations, TensorFlow Lite's. Any ISA. */
#ifndef EQ_DOT_S16_H
#define EQ_DOT_S16_H

#include "eq.h"
#include "eq_requant.h"

/* round(acc * factor / 2^right), halves upwards; |acc| < 2^47, 1 <= right <= 62. */
static inline int32_t eq_requant_s16(int64_t acc, int32_t factor, int32_t right)
{
    return (int32_t)((acc * factor + ((int64_t)1 << (right - 1))) >> right);
}

/* sum(x * w) over n values: 256 products at a time stay within 32 bits. */
static inline int64_t eq_dot_s16(const int16_t *restrict x, const int8_t *restrict w, int32_t n)
{
    int64_t sum = 0;
    while (n > 0) {
        const int32_t m = n < 256 ? n : 256;
        int32_t part = 0;
        for (int32_t i = 0; i < m; i++) {
            part += x[i] * w[i];
        }
        sum += part;
        x += m;
        w += m;
        n -= m;
    }
    return sum;
}

#endif
