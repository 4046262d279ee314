/* eq_requant.h - the only requantization: TensorFlow Lite's double rounding, portable C. */
#ifndef EQ_REQUANT_H
#define EQ_REQUANT_H

#include <stdint.h>

/* round(a * b / 2^31), halves upwards; not for a == b == INT32_MIN (multipliers are > 0). */
static inline int32_t eq_doubling_high_mul(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

/* x / 2^s, halves away from zero; 0 <= s <= 31, |x| < 2^31 - 2^30. */
static inline int32_t eq_rounding_shift(int32_t x, int32_t s)
{
    if (s == 0) {
        return x;
    }
    return (int32_t)(((int64_t)x + (x >> 31) + ((int64_t)1 << (s - 1))) >> s);
}

/* acc * mult * 2^(shift - 31); a positive shift is left and must keep acc within int32. */
static inline int32_t eq_requant(int32_t acc, int32_t mult, int32_t shift)
{
    const int32_t left = shift > 0 ? shift : 0;
    const int32_t right = shift > 0 ? 0 : -shift;
    return eq_rounding_shift(eq_doubling_high_mul(acc * (int32_t)((uint32_t)1 << left), mult), right);
}

static inline int32_t eq_clamp(int32_t x, int32_t low, int32_t high)
{
    return x < low ? low : (x > high ? high : x);
}

#endif
