/* eq_addsub_rows.h - the sum or difference of two int8 over eq_scale.h's functions, any ISA. */
#ifndef EQ_ADDSUB_ROWS_H
#define EQ_ADDSUB_ROWS_H

#include "eq_elementwise.h"

/* `k` is the output's factor, zero point and clamp. */
static inline void eq_addsub_rows(const eq_addsub_s8_t *p, eq_out_t k, const int8_t *a,
                                  const int8_t *b, int8_t *out)
{
    const eq_term_t ta = eq_term(p->a_mult, p->a_shift, p->a_zero);
    const eq_term_t tb = eq_term(p->b_mult, p->b_shift, p->b_zero);
    const int32_t a_sign = p->a_sign, b_sign = p->b_sign;
    const uint32_t n = p->n, inner = p->inner;
    for (uint32_t outer = p->outer; outer > 0; outer--) {
        for (uint32_t i = 0; i < n && inner == 1; i++) {
            const int32_t x = a_sign * eq_term_of(&ta, *a++);
            *out++ = eq_finish(&k, x + b_sign * eq_term_of(&tb, b[i]));
        }
        for (uint32_t i = 0; i < n && inner != 1; i++) {
            const int32_t y = b_sign * eq_term_of(&tb, b[i]);
            for (uint32_t j = inner; j > 0; j--) {
                *out++ = eq_finish(&k, a_sign * eq_term_of(&ta, *a++) + y);
            }
        }
    }
}

#endif
