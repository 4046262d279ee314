/* eq_scale.h - eq_requant with all that depends on the factor alone taken out of loops, portable C.
 *
 * The bodies eq_*_rows.h are written over these two functions; kernels/eq_scale_<isa>.h has them for
 * an instruction set. */
#ifndef EQ_SCALE_H
#define EQ_SCALE_H

#include "eq_requant.h"

static inline int8_t eq_saturated(int32_t x)
{
    return (int8_t)eq_clamp(x, INT8_MIN, INT8_MAX);
}

typedef struct {
    int32_t mult, up; /* up = 2^left shift */
    int32_t away;     /* -1 where a right shift rounds halves away from zero, else 0 */
    int32_t half, right;
} eq_scale_t;

static inline eq_scale_t eq_scale(int32_t mult, int32_t shift)
{
    const int32_t left = shift > 0 ? shift : 0, right = shift > 0 ? 0 : -shift;
    const eq_scale_t k = {
        mult, 1 << left, right > 0 ? -1 : 0, right > 0 ? 1 << (right - 1) : 0, right,
    };
    return k;
}

/* x / 2^right, halves away from zero; |x| < 2^30. */
static inline int32_t eq_rounded(const eq_scale_t *k, int32_t x)
{
    return (x + ((x >> 31) & k->away) + k->half) >> k->right;
}

/* eq_requant(x, mult, shift); |x * up| < 2^30. */
static inline int32_t eq_scaled(const eq_scale_t *k, int32_t x)
{
    return eq_rounded(k, eq_doubling_high_mul(x * k->up, k->mult));
}

/* An operand of a sum: eq_requant((x - zero) << 20, mult, shift), shift <= 0. */
typedef struct {
    eq_scale_t scale;
    int32_t zero;
} eq_term_t;

static inline eq_term_t eq_term(int32_t mult, int32_t shift, int32_t zero)
{
    const eq_term_t k = {eq_scale(mult, shift), zero};
    return k;
}

static inline int32_t eq_term_of(const eq_term_t *k, int32_t x)
{
    return eq_scaled(&k->scale, (x - k->zero) * (1 << 20));
}

/* An output: scaled, moved by the zero point, clamped. */
typedef struct {
    eq_scale_t scale;
    int32_t zero, low, high;
} eq_out_t;

static inline eq_out_t eq_out(int32_t mult, int32_t shift, int32_t zero, int32_t low, int32_t high)
{
    const eq_out_t k = {eq_scale(mult, shift), zero, low, high};
    return k;
}

static inline int8_t eq_finish(const eq_out_t *k, int32_t x)
{
    return (int8_t)eq_clamp(eq_scaled(&k->scale, x) + k->zero, k->low, k->high);
}

#endif
