/* eq_scale_m.h - eq_scale.h's functions with SSAT, given a rounding high multiply. ARMv7-M.
 *
 * The including header defines `high_mul2(a, b)`, round(a * b / 2^32) with halves upwards. eq_finish
 * clamps to int8; narrower clamps are a pass of their own. */
#ifndef EQ_SCALE_M_H
#define EQ_SCALE_M_H

#include <stdint.h>

static inline int8_t eq_saturated(int32_t x)
{
    __asm__("ssat %0, #8, %1" : "=r"(x) : "r"(x));
    return (int8_t)x;
}

/* The same for x / 2. */
static inline int8_t eq_saturated_half(int32_t x)
{
    __asm__("ssat %0, #8, %1, asr #1" : "=r"(x) : "r"(x));
    return (int8_t)x;
}

typedef struct {
    int32_t mult, up;  /* 1 + left shift */
    int32_t away, half, right;
} eq_scale_t;

static inline eq_scale_t eq_scale(int32_t mult, int32_t shift)
{
    const int32_t left = shift > 0 ? shift : 0, right = shift > 0 ? 0 : -shift;
    const eq_scale_t k = {
        mult, left + 1, right > 0 ? -1 : 0, right > 0 ? 1 << (right - 1) : 0, right,
    };
    return k;
}

static inline int32_t eq_scaled(const eq_scale_t *k, int32_t x)
{
    const int32_t y = high_mul2((int32_t)((uint32_t)x << k->up), k->mult);
    return (y + ((y >> 31) & k->away) + k->half) >> k->right;
}

typedef struct {
    int32_t mult, up, offset, half, right;
} eq_term_t;

static inline eq_term_t eq_term(int32_t mult, int32_t shift, int32_t zero)
{
    /* without a right shift the factor is exactly 1/2: twice the value, then a shift by 1 */
    const int32_t up = shift == 0 ? 22 : 21, right = shift == 0 ? 1 : -shift;
    const eq_term_t k = {mult, up, zero * (1 << up), 1 << (right - 1), right};
    return k;
}

static inline int32_t eq_term_of(const eq_term_t *k, int32_t x)
{
    const int32_t y = high_mul2((int32_t)((uint32_t)x << k->up) - k->offset, k->mult);
    return (y + (y >> 31) + k->half) >> k->right;
}

typedef struct {
    int32_t mult, up, right, zero2;
    int shifted;  /* the factor has a right shift: a constant where this is inlined */
} eq_out_t;

static inline eq_out_t eq_out(int32_t mult, int32_t shift, int32_t zero, int shifted)
{
    const eq_out_t k = {
        mult, shift > 0 ? shift + 1 : 1, -shift - 1, 2 * zero + (shifted ? 1 : 0), shifted,
    };
    return k;
}

static inline int8_t eq_finish(const eq_out_t *k, int32_t x)
{
    const int32_t y = high_mul2((int32_t)((uint32_t)x << k->up), k->mult);
    return eq_saturated_half((k->shifted ? (y + (y >> 31)) >> k->right : 2 * y) + k->zero2);
}

#endif
