/* eq_gru_dyn.h - GRU with 16-bit input and state, narrowed at every step. Any ISA. */
#ifndef EQ_GRU_DYN_H
#define EQ_GRU_DYN_H

#include <string.h>

#include "eq_recurrent.h"
#include "eq_gates_dyn.h"

/* Rows of one gate (z, r, n) for a narrowed vector of the input (side 0) or the state (1). */
static void gru_gate(const eq_gru_s16_t *p, int32_t gate, const eq_gate_dyn_t *g, int32_t side,
                     int16_t *sums)
{
    const int32_t units = p->units, i = 3 * side + gate;
    const int8_t *w = p->weights + (side == 0 ? 0 : 3 * units * p->in_c) + gate * units * g->k;
    eq_gate_dyn(g, w, p->bias + i * units, p->mult[i], p->shift[i], sums);
}

/* One step: `sums` has room for z, r, n and what the state gives to n. */
static void gru_step(const eq_gru_s16_t *p, const int16_t *x, int16_t *h, int16_t *sums,
                     int8_t *narrow)
{
    const int32_t units = p->units, k = p->in_c;
    const uint16_t *table = p->sigmoid;
    int16_t *z = sums, *r = z + units, *n = r + units, *state = n + units;
    const eq_gate_dyn_t input = {narrow, k, eq_narrow(x, 1, narrow, k), units, 0};
    for (int32_t gate = 0; gate < 3; gate++) {
        gru_gate(p, gate, &input, 0, sums + gate * units);
    }
    const int32_t m = eq_narrow(h, 1, narrow, units);
    const eq_gate_dyn_t more = {narrow, units, m, units, 1}, only = {narrow, units, m, units, 0};
    gru_gate(p, 0, &more, 1, z);
    gru_gate(p, 1, &more, 1, r);
    if (p->reset_first) {
        for (int32_t j = 0; j < units; j++) {
            state[j] = eq_sat16(eq_halved(eq_sigmoid16(r[j], table) * h[j], 15));
        }
        const eq_gate_dyn_t reset = {narrow, units, eq_narrow(state, 1, narrow, units), units, 0};
        gru_gate(p, 2, &reset, 1, state);
    } else {
        gru_gate(p, 2, &only, 1, state);
        for (int32_t j = 0; j < units; j++) {
            state[j] = eq_sat16(eq_halved(eq_sigmoid16(r[j], table) * state[j], 15));
        }
    }
    for (int32_t j = 0; j < units; j++) {
        const int32_t new = eq_tanh16(eq_sat16(n[j] + state[j]), 3, table);
        const int32_t keep = eq_sigmoid16(z[j], table);
        h[j] = eq_sat16(eq_halved(keep * h[j] + (32768 - keep) * new, 15));
    }
}

static inline void eq_gru_dyn_steps(const eq_gru_s16_t *p, const int16_t *restrict in,
                                    int16_t *restrict out, void *restrict scratch)
{
    const size_t units = p->units;
    int16_t *sums = scratch, *h = sums + 4 * units;
    int8_t *narrow = (int8_t *)(h + units);
    memset(h, 0, units * sizeof *h);
    for (uint32_t t = 0; t < p->steps; t++, in += p->in_c) {
        gru_step(p, in, h, sums, narrow);
        if (!p->last_only || t + 1u == p->steps) {
            memcpy(out, h, units * sizeof *h);
            out += units;
        }
    }
}

#endif
