/* eq_lstm.h - LSTM with an int16 cell over its gates' sums. Any ISA: eq_gate_rows comes first. */
#ifndef EQ_LSTM_H
#define EQ_LSTM_H

#include <string.h>

#include "eq_gates.h"
#include "eq_recurrent.h"

/* The sums of all gates (4 * units) for the input x and the state h. */
static void all_gates(const eq_lstm_s8_t *p, const int8_t *x, const int8_t *h, int16_t *sums)
{
    const int32_t units = p->units;
    const int8_t *w = p->weights;
    const int32_t *bias = p->bias;
    for (int32_t i = 0; i < 8; i++) {
        const int32_t gate = i & 3, k = i < 4 ? p->in_c : units;
        const eq_gate_t g = {k, units, p->mult[i], p->shift[i], i >= 4};
        eq_gate_rows(&g, w, bias, i < 4 ? x : h, sums + gate * units);
        w += k * units;
        bias += units;
    }
}

static void update(const eq_lstm_s8_t *p, const int16_t *sums, int16_t *c, int8_t *h)
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
        h[j] = eq_state8(o * eq_tanh16(c[j], p->cell_bits, table), p->out_mult, p->out_shift,
                         p->out_zero);
    }
}

/* The steps from the state h, c on; sums: 4 * units. */
static inline void eq_lstm_go_on(const eq_lstm_s8_t *p, const int8_t *restrict in,
                                 int8_t *restrict out, int8_t *restrict h, int16_t *restrict c,
                                 int16_t *restrict sums)
{
    const size_t units = p->units;
    for (uint32_t t = 0; t < p->steps; t++, in += p->in_c) {
        all_gates(p, in, h, sums);
        update(p, sums, c, h);
        if (!p->last_only || t + 1u == p->steps) {
            memcpy(out, h, units);
            out += units;
        }
    }
}

static inline void eq_lstm_steps(const eq_lstm_s8_t *p, const int8_t *restrict in,
                                 int8_t *restrict out, void *restrict scratch)
{
    const size_t units = p->units;
    int16_t *sums = scratch, *c = sums + 4 * units;
    int8_t *h = (int8_t *)(c + units);
    memset(c, 0, units * sizeof *c);
    memset(h, p->out_zero, units);
    eq_lstm_go_on(p, in, out, h, c, sums);
}

#endif
