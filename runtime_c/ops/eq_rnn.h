/* eq_rnn.h - plain recurrent layer over its gates' sums. Any ISA: eq_gate_rows comes first. */
#ifndef EQ_RNN_H
#define EQ_RNN_H

#include <string.h>

#include "eq_gates.h"
#include "eq_recurrent.h"

/* The steps from the state h on; sums: units. */
static inline void eq_rnn_go_on(const eq_rnn_s8_t *p, const int8_t *restrict in,
                                int8_t *restrict out, int8_t *restrict h, int16_t *restrict sums)
{
    const size_t units = p->units;
    const eq_gate_t from_x = {p->in_c, p->units, p->mult[0], p->shift[0], 0};
    const eq_gate_t from_h = {p->units, p->units, p->mult[1], p->shift[1], 1};
    for (uint32_t t = 0; t < p->steps; t++, in += p->in_c) {
        eq_gate_rows(&from_x, p->weights, p->bias, in, sums);
        eq_gate_rows(&from_h, p->weights + units * p->in_c, p->bias + units, h, sums);
        for (size_t j = 0; j < units; j++) {
            h[j] = eq_state8(eq_tanh16(sums[j], 3, p->sigmoid) * 32768, p->out_mult, p->out_shift,
                             p->out_zero);
        }
        if (!p->last_only || t + 1u == p->steps) {
            memcpy(out, h, units);
            out += units;
        }
    }
}

static inline void eq_rnn_steps(const eq_rnn_s8_t *p, const int8_t *restrict in,
                                int8_t *restrict out, void *restrict scratch)
{
    int16_t *sums = scratch;
    int8_t *h = (int8_t *)(sums + p->units);
    memset(h, p->out_zero, p->units);
    eq_rnn_go_on(p, in, out, h, sums);
}

#endif
