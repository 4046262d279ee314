/* eq_pool_mean.h - division of a window's sums by its pixels, portable C: one 32-bit product. */
#ifndef EQ_POOL_MEAN_H
#define EQ_POOL_MEAN_H

#include "eq_requant.h"

/* sum / count, halves away from zero, is floor((sum + bias - (1 if sum < 0 and count is even))
 * / count) - 128 with bias = 128 * count + count / 2, which keeps the dividend n within
 * [0, 256 * count). */
typedef struct {
    int32_t bias, even; /* even: -1 for an even count, else 0 */
    uint32_t count, reciprocal; /* 0: not exact */
    int32_t low, high;
} eq_mean_t;

static inline eq_mean_t eq_pool_mean(int32_t count, int32_t low, int32_t high)
{
    /* floor(n / count) = n * reciprocal >> 23, exact while 256 * count^2 < 2^23 */
    const uint32_t reciprocal = count <= 181 ? (1u << 23) / (uint32_t)count + 1u : 0;
    const eq_mean_t k = {
        128 * count + count / 2, (count & 1) - 1, (uint32_t)count, reciprocal, low, high,
    };
    return k;
}

static inline int8_t eq_mean_of(const eq_mean_t *k, int32_t sum)
{
    const uint32_t n = (uint32_t)(sum + k->bias + ((sum >> 31) & k->even));
    const uint32_t q = k->reciprocal != 0 ? (n * k->reciprocal) >> 23 : n / k->count;
    return (int8_t)eq_clamp((int32_t)q - 128, k->low, k->high);
}

#endif
