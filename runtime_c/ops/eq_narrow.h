/* eq_narrow.h - 16-bit vectors narrowed to 8 bits by their own largest value. Any ISA. */
#ifndef EQ_NARROW_H
#define EQ_NARROW_H

#include <stdint.h>

#define EQ_NARROW_TOP 127

/* y = x * 127 / m to the nearest, in [-127, 127], for n values of x that are `step` apart; returns
 * m, the largest |x|, at least 1. The reciprocal has 15 bits, every product less than 31. */
static inline int32_t eq_narrow(const int16_t *restrict x, int32_t step, int8_t *restrict y,
                                int32_t n)
{
    int32_t m = 1;
    for (int32_t i = 0; i < n; i++) {
        const int32_t v = x[i * step], a = v < 0 ? -v : v;
        m = a > m ? a : m;
    }
    int32_t shift = 7;
    for (int32_t a = m; a != 0; a >>= 1) {
        shift++;
    }
    const int32_t reciprocal = ((EQ_NARROW_TOP << shift) + m / 2) / m;
    const int32_t half = (int32_t)1 << (shift - 1);
    for (int32_t i = 0; i < n; i++) {
        y[i] = (int8_t)((x[i * step] * reciprocal + half) >> shift);
    }
    return m;
}

#endif
