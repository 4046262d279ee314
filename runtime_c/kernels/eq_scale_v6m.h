/* eq_scale_v6m.h - eq_scale.h's functions with 32-bit products only. ARMv6-M. */
#ifndef EQ_SCALE_V6M_H
#define EQ_SCALE_V6M_H

#include "eq_gemm_v6m.h"

static inline int8_t eq_saturated(int32_t x)
{
    const eq_clamp_v6m_t all = {0, INT8_MIN, INT8_MAX};
    return (int8_t)eq_clamp_v6m(x, all);
}

typedef struct {
    eq_channel_v6m_t factor; /* its shift is the right shift */
    int32_t left, away, half;
} eq_scale_t;

static inline eq_scale_t eq_scale(int32_t mult, int32_t shift)
{
    const int32_t left = shift > 0 ? shift : 0, right = shift > 0 ? 0 : -shift;
    const eq_scale_t k = {
        eq_channel_v6m(mult, right), left, right > 0 ? -1 : 0, right > 0 ? 1 << (right - 1) : 0,
    };
    return k;
}

static inline int32_t eq_scaled(const eq_scale_t *k, int32_t x)
{
    const int32_t y = eq_high_mul_v6m((int32_t)((uint32_t)x << k->left), k->factor);
    return (y + ((y >> 31) & k->away) + k->half) >> k->factor.shift;
}

/* round(d << 20 * mult / 2^31) = (d * mult + 2^10) >> 11 with d in [-255, 255]; without a right
 * shift the factor is exactly 1/2: twice the value, then a shift by 1. */
typedef struct {
    int32_t high, low, zero, up, half, right;
} eq_term_t;

static inline eq_term_t eq_term(int32_t mult, int32_t shift, int32_t zero)
{
    const int32_t right = shift == 0 ? 1 : -shift;
    const eq_term_t k = {
        mult >> 11, mult & 2047, zero, shift == 0 ? 1 : 0, 1 << (right - 1), right,
    };
    return k;
}

static inline int32_t eq_term_of(const eq_term_t *k, int32_t x)
{
    const int32_t d = (int32_t)((uint32_t)(x - k->zero) << k->up);
    const int32_t y = d * k->high + ((d * k->low + 1024) >> 11);
    return (y + (y >> 31) + k->half) >> k->right;
}

typedef struct {
    eq_channel_v6m_t factor; /* its shift is the right shift - 1 */
    eq_clamp_v6m_t clamp;
    int32_t left;
    int shifted; /* the factor has a right shift: a constant where this is inlined */
} eq_out_t;

static inline eq_out_t eq_out(int32_t mult, int32_t shift, int32_t zero, int32_t low, int32_t high,
                              int shifted)
{
    const eq_out_t k = {
        eq_channel_v6m(mult, -shift - 1), {2 * zero + 1, low, high}, shift > 0 ? shift : 0, shifted,
    };
    return k;
}

static inline int8_t eq_finish(const eq_out_t *k, int32_t x)
{
    if (k->shifted) {
        return (int8_t)eq_finish_v6m(x, k->factor, k->clamp);
    }
    x = (int32_t)((uint32_t)x << k->left);
    return (int8_t)eq_finish_unshifted_v6m(x, k->factor, k->clamp);
}

#endif
