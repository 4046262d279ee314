/* eq_gates.h - gates of recurrent layers: sums in Q3.12, sigmoid and tanh by a table. Any ISA.
 * The sums of whole gates, eq_gate_rows, are in eq_gate_rows.h and eq_mve_gate_rows.h. */
#ifndef EQ_GATES_H
#define EQ_GATES_H

#include "eq_requant.h"

static inline int16_t eq_sat16(int32_t x)
{
    return (int16_t)eq_clamp(x, INT16_MIN, INT16_MAX);
}

/* x / 2^s as eq_requant rounds it where the factor is a power of two; 1 <= s <= 31. */
static inline int32_t eq_halved(int32_t x, int32_t s)
{
    return eq_rounding_shift((x >> 1) + (x & 1), s - 1);
}

/* Q0.15 of the sigmoid of x in Q3.12. */
static inline int32_t eq_sigmoid16(int32_t x, const uint16_t *table)
{
    const uint32_t a = (uint32_t)(x < 0 ? -x : x) * 3u; /* at most 98304: entry 192 */
    const uint32_t i = a >> 9;
    const uint32_t low = table[i];
    const uint32_t y = (low << 9) + (a & 511u) * (table[i + 1] - low);
    return (int32_t)((x >= 0 ? y + 512u : (UINT32_C(1) << 25) - y + 511u) >> 10);
}

/* Q0.15 of tanh of the int16 x with `bits` integer bits, 0 <= bits <= 12: 2 sigmoid(2x) - 1. */
static inline int32_t eq_tanh16(int32_t x, int32_t bits, const uint16_t *table)
{
    const int32_t scaled = bits >= 3 ? x * (3 << (bits - 3))
                                     : (3 * x + (1 << (2 - bits))) >> (3 - bits);
    const uint32_t a = (uint32_t)(scaled < 0 ? -scaled : scaled);
    const uint32_t i = a >> 8;
    int32_t y = 0xFFFF << 8;
    if (i < 255) {
        const uint32_t low = table[i];
        y = (int32_t)((low << 8) + (a & 255u) * (table[i + 1] - low));
    }
    return (scaled >= 0 ? y - (1 << 23) + 128 : (1 << 23) - y + 127) >> 8;
}

/* A product of two Q0.15 under the output's parameters. */
static inline int8_t eq_state8(int32_t product, int32_t mult, int32_t shift, int32_t zero)
{
    return (int8_t)eq_clamp(eq_requant(product, mult, shift) + zero, INT8_MIN, INT8_MAX);
}

/* One gate's requantization and where its sums go. */
typedef struct {
    int32_t k, rows;
    int32_t mult, shift;
    int32_t add; /* 1: add to what is there, with saturation; 0: overwrite */
} eq_gate_t;

static inline void eq_gate_put(const eq_gate_t *g, int32_t acc, int16_t *y)
{
    const int32_t q = eq_sat16(eq_requant(acc, g->mult, g->shift));
    *y = g->add ? eq_sat16(*y + q) : (int16_t)q;
}

#endif
