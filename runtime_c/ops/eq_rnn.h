/* eq_rnn.h - plain recurrent layer over its gates' sums. Any ISA: eq_gate_rows comes first. */
#ifndef EQ_RNN_H
#define EQ_RNN_H

#include <string.h>

#include "eq_gates.h"
#include "eq_ops.h"

static inline void eq_rnn_steps(const eq_rnn_s8_t *p, const int8_t *restrict in,
                                int8_t *restrict out, void *restrict scratch)
{
    const size_t units = p->units;
    int16_t *sums = scratch;
    int8_t *h = (int8_t *)(sums + units);
    const eq_gate_t from_x = {p->in_c, p->units, p->mult[0], p->shift[0], 0};
    const eq_gate_t from_h = {p->units, p->units, p->mult[1], p->shift[1], 1};
    memset(h, p->out_zero, units);
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

#endif
