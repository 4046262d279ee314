/* eq_mve_gate_rows.h - the sums of a recurrent gate, MVE: 16 inputs of four rows a pass. */
#ifndef EQ_MVE_GATE_ROWS_H
#define EQ_MVE_GATE_ROWS_H

#include <arm_mve.h>

#include "eq_gates.h"

/* sums[r] (+)= sat16(requant(w[r] . x + bias[r])); nothing is read behind x or w. */
static inline void eq_gate_rows(const eq_gate_t *g, const int8_t *restrict w,
                                const int32_t *restrict bias, const int8_t *restrict x,
                                int16_t *restrict sums)
{
    const int32_t k = g->k;
    int32_t r = 0;
    for (; r + 4 <= g->rows; r += 4, w += 4 * k) {
        const int8_t *w1 = w + k, *w2 = w1 + k, *w3 = w2 + k;
        int32_t a0 = bias[r], a1 = bias[r + 1], a2 = bias[r + 2], a3 = bias[r + 3];
        for (int32_t i = 0; i < k; i += 16) {
            const mve_pred16_t some = vctp8q((uint32_t)(k - i));
            const int8x16_t xi = vldrbq_z_s8(x + i, some);
            a0 = vmladavaq_s8(a0, xi, vldrbq_z_s8(w + i, some));
            a1 = vmladavaq_s8(a1, xi, vldrbq_z_s8(w1 + i, some));
            a2 = vmladavaq_s8(a2, xi, vldrbq_z_s8(w2 + i, some));
            a3 = vmladavaq_s8(a3, xi, vldrbq_z_s8(w3 + i, some));
        }
        eq_gate_put(g, a0, sums + r);
        eq_gate_put(g, a1, sums + r + 1);
        eq_gate_put(g, a2, sums + r + 2);
        eq_gate_put(g, a3, sums + r + 3);
    }
    for (; r < g->rows; r++, w += k) {
        int32_t acc = bias[r];
        for (int32_t i = 0; i < k; i += 16) {
            const mve_pred16_t some = vctp8q((uint32_t)(k - i));
            acc = vmladavaq_s8(acc, vldrbq_z_s8(x + i, some), vldrbq_z_s8(w + i, some));
        }
        eq_gate_put(g, acc, sums + r);
    }
}

#endif
