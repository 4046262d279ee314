/* eq_mul_rows.h - the product of two int8 over eq_scale.h's functions, any ISA. */
#ifndef EQ_MUL_ROWS_H
#define EQ_MUL_ROWS_H

#include "eq_elementwise.h"

/* `k` is the output's factor, zero point and clamp. */
static inline void eq_mul_rows(const eq_mul_s8_t *p, eq_out_t k, const int8_t *a, const int8_t *b,
                               int8_t *out)
{
    const int32_t a_zero = p->a_zero, b_zero = p->b_zero;
    const uint32_t n = p->n, inner = p->inner;
    for (uint32_t outer = p->outer; outer > 0; outer--) {
        for (uint32_t i = 0; i < n && inner == 1; i++) {
            *out++ = eq_finish(&k, (*a++ - a_zero) * (b[i] - b_zero));
        }
        for (uint32_t i = 0; i < n && inner != 1; i++) {
            const int32_t factor = b[i] - b_zero;
            for (uint32_t j = inner; j > 0; j--) {
                *out++ = eq_finish(&k, (*a++ - a_zero) * factor);
            }
        }
    }
}

#endif
