/* eq_lstm_dyn.h - LSTM with 16-bit input and state, narrowed at every step. Any ISA. */
#ifndef EQ_LSTM_DYN_H
#define EQ_LSTM_DYN_H

#include <string.h>

#include "eq_recurrent.h"
#include "eq_gates_dyn.h"

/* The sums of all gates for one vector, whose rows begin at `w`: of the input, then of the state. */
static void lstm_side(const eq_lstm_s16_t *p, int32_t side, const int16_t *x, int8_t *narrow,
                      int16_t *sums)
{
    const int32_t units = p->units, k = side == 0 ? p->in_c : units;
    const int8_t *w = p->weights + (side == 0 ? 0 : 4 * units * p->in_c);
    const eq_gate_dyn_t g = {narrow, k, eq_narrow(x, 1, narrow, k), units, side};
    for (int32_t i = 0; i < 4; i++) {
        const int32_t gate = 4 * side + i;
        eq_gate_dyn(&g, w + i * units * k, p->bias + gate * units, p->mult[gate], p->shift[gate],
                    sums + i * units);
    }
}

static void lstm_update(const eq_lstm_s16_t *p, const int16_t *sums, int16_t *c, int16_t *h)
{
    const int32_t units = p->units;
    const uint16_t *table = p->sigmoid;
    for (int32_t j = 0; j < units; j++) {
        const int32_t i = eq_sigmoid16(sums[j], table), f = eq_sigmoid16(sums[units + j], table);
        const int32_t g = eq_tanh16(sums[2 * units + j], 3, table);
        const int32_t o = eq_sigmoid16(sums[3 * units + j], table);
        const int32_t kept = eq_sat16(eq_halved(f * c[j], 15));
        const int32_t added = eq_sat16(eq_halved(i * g, 15 + p->cell_bits));
        c[j] = (int16_t)eq_clamp(kept + added, p->cell_min, p->cell_max);
        h[j] = eq_sat16(eq_halved(o * eq_tanh16(c[j], p->cell_bits, table), 15));
    }
}

static inline void eq_lstm_dyn_steps(const eq_lstm_s16_t *p, const int16_t *restrict in,
                                     int16_t *restrict out, void *restrict scratch)
{
    const size_t units = p->units;
    int16_t *sums = scratch, *c = sums + 4 * units, *h = c + units;
    int8_t *narrow = (int8_t *)(h + units);
    memset(c, 0, 2 * units * sizeof *c);
    for (uint32_t t = 0; t < p->steps; t++, in += p->in_c) {
        lstm_side(p, 0, in, narrow, sums);
        lstm_side(p, 1, h, narrow, sums);
        lstm_update(p, sums, c, h);
        if (!p->last_only || t + 1u == p->steps) {
            memcpy(out, h, units * sizeof *h);
            out += units;
        }
    }
}

#endif
