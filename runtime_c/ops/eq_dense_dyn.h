/* eq_dense_dyn.h - the body of eq_dense_dyn_s16 over eq_dot4, which each ISA has. Any ISA. */
#ifndef EQ_DENSE_DYN_H
#define EQ_DENSE_DYN_H

#include "eq_dense.h"
#include "eq_dot_s16.h"
#include "eq_narrow.h"

/* Up to four outputs of one row: `n` of them, weights at w. */
static inline void eq_dense_dyn_some(const eq_dense_s16_t *p, const int8_t *x, int32_t m,
                                     int32_t oc, int16_t *out)
{
    const int32_t left = p->out_c - oc, n = left < 4 ? left : 4;
    const int8_t *rows[4];
    int32_t acc[4];
    for (int32_t j = 0; j < 4; j++) {
        rows[j] = p->weights + (oc + (j < n ? j : 0)) * p->in_c;
    }
    (void)eq_dot4(x, rows, p->in_c, acc);
    for (int32_t j = 0; j < n; j++) {
        const int64_t sum = (int64_t)acc[j] * m + (int64_t)p->bias[oc + j] * EQ_NARROW_TOP;
        const int32_t y = eq_requant_s16(sum, p->mult[oc + j], p->shift[oc + j]);
        out[oc + j] = (int16_t)eq_clamp(y, p->act_min, p->act_max);
    }
}

static inline void eq_dense_dyn_all(const eq_dense_s16_t *p, const int16_t *in, int16_t *out,
                                    int8_t *x)
{
    for (int32_t r = 0; r < p->rows; r++, in += p->in_c, out += p->out_c) {
        const int32_t m = eq_narrow(in, 1, x, p->in_c);
        for (int32_t oc = 0; oc < p->out_c; oc += 4) {
            eq_dense_dyn_some(p, x, m, oc, out);
        }
    }
}

#endif
