/* eq_gate_rows.h - the sums of a recurrent gate, portable C. */
#ifndef EQ_GATE_ROWS_H
#define EQ_GATE_ROWS_H

#include "eq_gates.h"

/* sums[r] (+)= sat16(requant(w[r] . x + bias[r])); four rows share the loads of x. */
static inline void eq_gate_rows(const eq_gate_t *g, const int8_t *restrict w,
                                const int32_t *restrict bias, const int8_t *restrict x,
                                int16_t *restrict sums)
{
    const int32_t k = g->k;
    int32_t r = 0;
    for (; r + 4 <= g->rows; r += 4, w += 4 * k) {
        const int8_t *w1 = w + k, *w2 = w1 + k, *w3 = w2 + k;
        int32_t a0 = bias[r], a1 = bias[r + 1], a2 = bias[r + 2], a3 = bias[r + 3];
        for (int32_t i = 0; i < k; i++) {
            const int16_t xi = x[i];
            a0 += xi * w[i];
            a1 += xi * w1[i];
            a2 += xi * w2[i];
            a3 += xi * w3[i];
        }
        eq_gate_put(g, a0, sums + r);
        eq_gate_put(g, a1, sums + r + 1);
        eq_gate_put(g, a2, sums + r + 2);
        eq_gate_put(g, a3, sums + r + 3);
    }
    for (; r < g->rows; r++, w += k) {
        int32_t acc = bias[r];
        for (int32_t i = 0; i < k; i++) {
            acc += x[i] * w[i];
        }
        eq_gate_put(g, acc, sums + r);
    }
}

#endif
