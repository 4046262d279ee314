/* eq_neon_w4_dense.h - the dense layer around eq_neon_w4.h. NEON. */
#ifndef EQ_NEON_W4_DENSE_H
#define EQ_NEON_W4_DENSE_H

#include "eq_dense.h"
#include "eq_neon_w4.h"

/* All rows; scratch holds one whose in_c is no multiple of 16. */
static inline void eq_neon_w4_dense(const eq_dense_s8_t *p, const int8_t *in, int8_t *out,
                                    int8_t *padded)
{
    const eq_neon_range_t range = eq_neon_range(p->out_zero, p->act_min, p->act_max);
    const int32_t k = (p->in_c + 15) & ~15;
    for (int32_t r = 0; r < p->rows; r++, in += p->in_c, out += p->out_c) {
        const int8_t *x = in, *w = p->weights;
        if (k != p->in_c) {
            eq_neon_copy(padded, in, p->in_c);
            eq_neon_fill(padded + p->in_c, 0, k - p->in_c);
            x = padded;
        }
        for (int32_t oc = 0; oc < p->out_c; oc += 8, w += 4 * k) {
            const eq_neon_params_t a = eq_neon_params(p->bias + oc, p->mult + oc, p->shift + oc);
            const eq_neon_params_t b =
                eq_neon_params(p->bias + oc + 4, p->mult + oc + 4, p->shift + oc + 4);
            int8x8_t y;
            eq_w4_block(&x, 1, w, k, a, b, range, &y);
            eq_neon_store(out + oc, y, p->out_c - oc);
        }
    }
}

#endif
