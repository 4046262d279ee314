/* eq_gru.h - GRU with an int16 state over its gates' sums. Any ISA: eq_gate_rows comes first. */
#ifndef EQ_GRU_H
#define EQ_GRU_H

#include <string.h>

#include "eq_gates.h"
#include "eq_recurrent.h"

/* The buffers of a step, `units` long each; sums hold z, r, n. */
typedef struct {
    int16_t *sums, *from_state, *state;
    int8_t *h, *reset;
} buffers_t;

/* Rows of `gate` for the state h; add: to the sums already there. */
static void state_gate(const eq_gru_s8_t *p, int32_t gate, int32_t add, const int8_t *h,
                       int16_t *sums)
{
    const int32_t units = p->units;
    const eq_gate_t g = {units, units, p->mult[3 + gate], p->shift[3 + gate], add};
    const int8_t *w = p->weights + 3 * units * p->in_c + gate * units * units;
    eq_gate_rows(&g, w, p->bias + (3 + gate) * units, h, sums);
}

static void input_gates(const eq_gru_s8_t *p, const int8_t *x, int16_t *sums)
{
    const int32_t units = p->units, k = p->in_c;
    for (int32_t i = 0; i < 3; i++) {
        const eq_gate_t g = {k, units, p->mult[i], p->shift[i], 0};
        eq_gate_rows(&g, p->weights + i * units * k, p->bias + i * units, x, sums + i * units);
    }
}

static void step(const eq_gru_s8_t *p, const int8_t *x, const buffers_t *b)
{
    const int32_t units = p->units;
    const uint16_t *table = p->sigmoid;
    int16_t *z = b->sums, *r = z + units, *n = r + units;
    input_gates(p, x, b->sums);
    state_gate(p, 0, 1, b->h, z);
    state_gate(p, 1, 1, b->h, r);
    for (int32_t j = 0; j < units; j++) {
        r[j] = (int16_t)eq_sigmoid16(r[j], table);
        b->reset[j] = eq_state8(r[j] * b->state[j], p->out_mult, p->out_shift, p->out_zero);
    }
    state_gate(p, 2, 0, p->reset_first ? b->reset : b->h, b->from_state);
    for (int32_t j = 0; j < units; j++) {
        const int32_t u = b->from_state[j];
        const int32_t sum = n[j] + (p->reset_first ? u : eq_halved(r[j] * u, 15));
        const int32_t new = eq_tanh16(eq_sat16(sum), 3, table), keep = eq_sigmoid16(z[j], table);
        b->state[j] = eq_sat16(eq_halved(keep * b->state[j] + (32768 - keep) * new, 15));
        b->h[j] = eq_state8(b->state[j] * 32768, p->out_mult, p->out_shift, p->out_zero);
    }
}

/* The steps from `state` on; scratch: 10 * units bytes. */
static inline void eq_gru_go_on(const eq_gru_s8_t *p, const int8_t *restrict in,
                                int8_t *restrict out, int16_t *restrict state,
                                void *restrict scratch)
{
    const size_t units = p->units;
    int16_t *sums = scratch;
    const buffers_t b = {sums, sums + 3 * units, state, (int8_t *)(sums + 4 * units),
                         (int8_t *)(sums + 4 * units) + units};
    for (size_t j = 0; j < units; j++) {
        b.h[j] = eq_state8(state[j] * 32768, p->out_mult, p->out_shift, p->out_zero);
    }
    for (uint32_t t = 0; t < p->steps; t++, in += p->in_c) {
        step(p, in, &b);
        if (!p->last_only || t + 1u == p->steps) {
            memcpy(out, b.h, units);
            out += units;
        }
    }
}

static inline void eq_gru_steps(const eq_gru_s8_t *p, const int8_t *restrict in,
                                int8_t *restrict out, void *restrict scratch)
{
    int16_t *state = scratch;
    memset(state, 0, p->units * sizeof *state);
    eq_gru_go_on(p, in, out, state, state + p->units);
}

#endif
