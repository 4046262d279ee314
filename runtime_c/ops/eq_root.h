/* eq_root.h - 1 / sqrt(x) of a 64-bit integer by Newton's method in Q30. Any ISA. */
#ifndef EQ_ROOT_H
#define EQ_ROOT_H

#include <stdint.h>

/* r with 1 / sqrt(x) = r * 2^(-46 - *e), 2^30 <= r < 2^31; 0 < x < 2^63. */
static inline int32_t eq_reciprocal_root(uint64_t x, int32_t *e)
{
    int32_t exponent = 0;
    for (; x < (UINT64_C(1) << 30); exponent--) {
        x <<= 2;
    }
    for (; x >= (UINT64_C(1) << 32); exponent++) {
        x >>= 2;
    }
    uint64_t r = UINT64_C(2308544922) - (x >> 2) - (x >> 4); /* 2.15 - 1.25 x */
    for (int32_t i = 0; i < 3; i++) {
        const uint64_t square = (r * r) >> 30;
        r = (r * ((UINT64_C(3) << 30) - ((x * square) >> 32))) >> 31;
    }
    *e = exponent;
    return r > INT32_MAX ? INT32_MAX : (int32_t)r;
}

#endif
