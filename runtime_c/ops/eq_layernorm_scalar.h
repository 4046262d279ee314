/* eq_layernorm_scalar.h - LayerNorm value by value, given a rounding doubling high multiply.
 *
 * The including file defines `static inline int32_t eq_high_mul(int32_t a, int32_t b)`,
 * round(a * b / 2^31) with halves upwards for |a| < 2^30, and eq_sums of a row. Any ISA. */
#ifndef EQ_LAYERNORM_SCALAR_H
#define EQ_LAYERNORM_SCALAR_H

#include "eq_layernorm.h"

/* x / 2^s, halves away from zero, where half = 2^s / 2 and away is all ones, or both are 0. */
static inline int32_t eq_shifted(int32_t x, int32_t s, int32_t half, int32_t away)
{
    return (x + ((x >> 31) & away) + half) >> s;
}

static inline void eq_layernorm_apply(const eq_layernorm_s8_t *p, const eq_layernorm_row_t *row,
                                      const int8_t *in, int8_t *out)
{
    const int32_t s = row->right, away = s > 0 ? -1 : 0, half = s > 0 ? 1 << (s - 1) : 0;
    const int32_t t = -p->shift, away_t = t > 0 ? -1 : 0, half_t = t > 0 ? 1 << (t - 1) : 0;
    for (int32_t i = 0; i < p->c; i++) {
        const int32_t d = in[i] * row->factor + row->offset;
        const int32_t n = eq_shifted(eq_high_mul(d, row->root), s, half, away);
        const int32_t v = eq_high_mul(n * p->gamma[i] + p->beta[i], p->mult);
        const int32_t y = eq_shifted(v, t, half_t, away_t) + p->out_zero;
        out[i] = (int8_t)eq_clamp(y, INT8_MIN, INT8_MAX);
    }
}

static inline void eq_layernorm_all(const eq_layernorm_s8_t *p, const int8_t *in, int8_t *out)
{
    for (uint32_t r = 0; r < p->rows; r++, in += p->c, out += p->c) {
        int32_t sum, squares;
        eq_sums(in, p->c, &sum, &squares);
        const eq_layernorm_row_t row = eq_layernorm_row(p, sum, squares);
        eq_layernorm_apply(p, &row, in, out);
    }
}

#endif
