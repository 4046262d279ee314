/* eq_m_s16.h - requantization of 16-bit activations on Cortex-M. ARMv6-M.
 *
 * y = round(2^-shift * ((sum * mult) >> 32)), halves upwards, shift > 0, see edgeq/kernels/wide.py. */
#ifndef EQ_M_S16_H
#define EQ_M_S16_H

#include <stdint.h>

static inline int16_t eq_finish_s16(int32_t acc, int32_t mult, int32_t shift, int32_t low,
                                    int32_t high)
{
    const int32_t x = (int32_t)(((int64_t)acc * mult) >> 32);
    const int32_t y = (x + (1 << (shift - 1))) >> shift;
    return (int16_t)(y < low ? low : (y > high ? high : y));
}

/* Two values; activations lie at multiples of 4 bytes. */
typedef struct {
    int16_t a, b;
} __attribute__((aligned(4), may_alias)) eq_pair_s16_t;

/* Copies n values, n even, between multiples of 4 bytes. */
static inline void eq_copy_pairs_s16(int16_t *to, const int16_t *from, int32_t n)
{
    eq_pair_s16_t *d = (eq_pair_s16_t *)(void *)to;
    const eq_pair_s16_t *s = (const eq_pair_s16_t *)(const void *)from;
    for (; n > 0; n -= 2) {
        *d++ = *s++;
    }
}

#endif
