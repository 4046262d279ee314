/* eq_add_m.h - the addition of two int8, given a rounding doubling high multiply. Cortex-M.
 *
 * The including file defines `static inline int32_t high_mul2(int32_t a, int32_t b)`,
 * round(a * b / 2^32) with halves upwards, and `saturate(x)`, x / 2 clamped to int8. All factors
 * that do not depend on the values are taken together first; b's shift is 1 or more by doubling. */
#ifndef EQ_ADD_M_H
#define EQ_ADD_M_H

#include "eq_elementwise.h"

typedef struct {
    int32_t b_up, b_shift, b_offset, b_half, b_mult;
    int32_t a_offset, out_mult, out_shift, zero2;
} eq_add_m_t;

static inline eq_add_m_t eq_add_begin(const eq_add_s8_t *p)
{
    /* without a right shift b's factor is exactly 1/2: twice the value, then a shift by 1 */
    const int32_t up = p->b_shift == 0 ? 22 : 21;
    const int32_t shift = p->b_shift == 0 ? 1 : -p->b_shift;
    const eq_add_m_t k = {
        up, shift, p->b_zero * (1 << up), 1 << (shift - 1), p->b_mult,
        p->a_zero * (1 << 20), p->out_mult, -p->out_shift - 1, 2 * p->out_zero + 1,
    };
    return k;
}

/* `shifted`: the output has a right shift, as it always has unless its scale is tiny. */
static inline int8_t eq_add_one(const eq_add_m_t *k, int32_t a, int32_t b, int shifted)
{
    int32_t x = high_mul2((int32_t)((uint32_t)b << k->b_up) - k->b_offset, k->b_mult);
    x = (x + (x >> 31) + k->b_half) >> k->b_shift;
    x = high_mul2(2 * x - k->a_offset + (int32_t)((uint32_t)a << 20), k->out_mult);
    x = shifted ? (x + (x >> 31)) >> k->out_shift : 2 * x - 1;
    return saturate(x + k->zero2);
}

static inline void eq_add_all(const eq_add_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    const eq_add_m_t k = eq_add_begin(p);
    if (p->out_shift < 0) {
        for (uint32_t i = p->n; i > 0; i--) {
            *out++ = eq_add_one(&k, *a++, *b++, 1);
        }
    } else {
        for (uint32_t i = p->n; i > 0; i--) {
            *out++ = eq_add_one(&k, *a++, *b++, 0);
        }
    }
}

#endif
