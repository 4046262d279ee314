/* eq_softmax_kept.h - softmax over the values that a mask keeps, over a softmax of whole rows,
 * portable C: what is kept moves to the front of the row, and back behind the softmax. */
#ifndef EQ_SOFTMAX_KEPT_H
#define EQ_SOFTMAX_KEPT_H

#include "eq_norm.h"

typedef void eq_softmax_rows_t(const eq_softmax_s8_t *p, const int8_t *in, int8_t *out);

static inline void eq_softmax_prefix_rows(const eq_softmax_prefix_s8_t *p, const int8_t *in,
                                          int8_t *out, eq_softmax_rows_t *softmax)
{
    const uint32_t c = p->c;
    for (uint32_t r = 0; r < p->rows; r++, in += c, out += c) {
        const uint32_t n = p->kept[r / p->each % p->masks];
        const eq_softmax_s8_t row = {1, (uint16_t)n, p->n_exp, p->exp};
        const int8_t rest = n == 0 ? p->empty : INT8_MIN;
        if (n > 0) {
            softmax(&row, in, out);
        }
        for (uint32_t i = n; i < c; i++) {
            out[i] = rest;
        }
    }
}

static inline void eq_softmax_masked_rows(const eq_softmax_masked_s8_t *p, const int8_t *in,
                                          const int8_t *mask, int8_t *out,
                                          eq_softmax_rows_t *softmax)
{
    const uint32_t c = p->c;
    for (uint32_t r = 0; r < p->rows; r++, in += c, out += c) {
        const int8_t *m = mask + r / p->each % p->masks * c;
        uint32_t n = 0;
        for (uint32_t i = 0; i < c; i++) {
            if (m[i] != p->mask_zero) {
                out[n++] = in[i];
            }
        }
        const eq_softmax_s8_t row = {1, (uint16_t)n, p->n_exp, p->exp};
        const int8_t rest = n == 0 ? p->empty : INT8_MIN;
        if (n > 0) {
            softmax(&row, out, out);
        }
        for (uint32_t i = c; i-- > 0;) {
            out[i] = m[i] != p->mask_zero ? out[--n] : rest;
        }
    }
}

#endif
