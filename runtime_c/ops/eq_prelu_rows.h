/* eq_prelu_rows.h - PReLU over eq_scale.h's functions, any ISA. */
#ifndef EQ_PRELU_ROWS_H
#define EQ_PRELU_ROWS_H

#include "eq_elementwise.h"

typedef struct {
    eq_scale_t pos, neg;
    int32_t a_zero, b_zero, out_zero;
} eq_prelu_rows_t;

static inline int8_t eq_prelu_one(const eq_prelu_rows_t *k, int32_t x, int32_t slope)
{
    const int32_t y = x >= 0 ? eq_scaled(&k->pos, x) : eq_scaled(&k->neg, x * slope);
    return eq_saturated(y + k->out_zero);
}

static inline void eq_prelu_rows(const eq_prelu_s8_t *p, const int8_t *a, const int8_t *b,
                                 int8_t *out)
{
    const eq_prelu_rows_t k = {
        eq_scale(p->pos_mult, p->pos_shift), eq_scale(p->neg_mult, p->neg_shift),
        p->a_zero, p->b_zero, p->out_zero,
    };
    const uint32_t n = p->n, inner = p->inner;
    for (uint32_t outer = p->outer; outer > 0; outer--) {
        for (uint32_t i = 0; i < n && inner == 1; i++) {
            *out++ = eq_prelu_one(&k, *a++ - k.a_zero, b[i] - k.b_zero);
        }
        for (uint32_t i = 0; i < n && inner != 1; i++) {
            const int32_t slope = b[i] - k.b_zero;
            for (uint32_t j = inner; j > 0; j--) {
                *out++ = eq_prelu_one(&k, *a++ - k.a_zero, slope);
            }
        }
    }
}

#endif
