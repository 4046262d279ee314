/* eq_gates_dyn.h - sums of recurrent gates over narrowed vectors; eq_dot4 comes first. Any ISA. */
#ifndef EQ_GATES_DYN_H
#define EQ_GATES_DYN_H

#include "eq_dot_s16.h"
#include "eq_gates.h"
#include "eq_narrow.h"

/* A vector x of k values, narrowed by its largest value m, and what becomes of its sums. */
typedef struct {
    const int8_t *x;
    int32_t k, m;
    int32_t rows;
    int32_t add; /* 1: add to what is there, with saturation; 0: overwrite */
} eq_gate_dyn_t;

/* sums[r] (+)= sat16(round((w[r] . x * m + 127 * bias[r]) * mult / 2^shift)) */
static inline void eq_gate_dyn(const eq_gate_dyn_t *g, const int8_t *w, const int32_t *bias,
                               int32_t mult, int32_t shift, int16_t *sums)
{
    for (int32_t r = 0; r < g->rows; r += 4) {
        const int32_t n = g->rows - r < 4 ? g->rows - r : 4;
        const int8_t *rows[4];
        int32_t acc[4];
        for (int32_t j = 0; j < 4; j++) {
            rows[j] = w + (r + (j < n ? j : 0)) * g->k;
        }
        (void)eq_dot4(g->x, rows, g->k, acc);
        for (int32_t j = r; j < r + n; j++) {
            const int64_t sum = (int64_t)acc[j - r] * g->m + (int64_t)bias[j] * EQ_NARROW_TOP;
            const int32_t q = eq_sat16(eq_requant_s16(sum, mult, shift));
            sums[j] = g->add ? eq_sat16(sums[j] + q) : (int16_t)q;
        }
    }
}

#endif
