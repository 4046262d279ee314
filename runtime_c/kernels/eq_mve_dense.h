/* eq_mve_dense.h - a dense layer by one of the products with a column. MVE only. */
#ifndef EQ_MVE_DENSE_H
#define EQ_MVE_DENSE_H

#include "eq_dense.h"
#include "eq_mve.h"
#include "eq_mve_gemm.h"

/* `copy` holds a row that does not fill its last step of 16. */
static inline void eq_mve_dense(const eq_dense_s8_t *p, const int8_t *in, int8_t *out, int8_t *copy,
                                void gemv(const eq_mve_gemm_t *, const int8_t *, int8_t *))
{
    const eq_mve_gemm_t g = {
        .weights = p->weights, .steps = (p->in_c + 15) / 16, .out_c = p->out_c,
        .out_zero = p->out_zero, .act_min = p->act_min, .act_max = p->act_max,
    };
    for (int32_t row = 0; row < p->rows; row++, in += p->in_c, out += p->out_c) {
        const int8_t *col = in;
        if ((p->in_c & 15) != 0) {
            eq_mve_copy(copy, in, p->in_c);
            col = copy;
        }
        gemv(&g, col, out);
    }
}

#endif
