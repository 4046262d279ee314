/* eq_minmax_s8_neon - minimum or maximum with a broadcast operand, NEON: 16 values a pass,
 * tables by eq_neon_lut.h. */
#include "eq_elementwise.h"
#include "eq_neon_lut.h"

#if defined(__ARM_NEON)

typedef struct {
    int32_t is_max;
} params_t;

static inline int8x16_t sixteen(const params_t *k, int8x16_t a, int8x16_t b)
{
    return k->is_max ? vmaxq_s8(a, b) : vminq_s8(a, b);
}

#include "eq_neon_rows.h"

static inline int8_t value(const int8_t *table, int8_t x)
{
    return table == 0 ? x : table[(uint8_t)x];
}

enum { BLOCK = 64 };

/* n values of one operand through its table into `block`, or where they are without one. */
static inline const int8_t *values(const int8_t *table, const int8_t *x, int32_t n, int8_t *block)
{
    if (table == 0) {
        return x;
    }
    eq_neon_map(table, x, n, block);
    return block;
}

/* n values with tables, a block at a time; b_step as in eq_neon_row. */
static void long_row(const eq_minmax_s8_t *p, const int8_t *a, const int8_t *b, int32_t b_step,
                     int32_t n, int8_t *out)
{
    const params_t k = {p->is_max};
    int8_t x[BLOCK], y[BLOCK];
    const int8_t *u = values(p->b_table, b, 1, y);
    for (int32_t i = 0; i < n; i += BLOCK) {
        const int32_t some = n - i < BLOCK ? n - i : BLOCK;
        const int8_t *v = values(p->a_table, a + i, some, x);
        if (b_step != 0) {
            u = values(p->b_table, b + i, some, y);
        }
        eq_neon_row(&k, v, u, b_step, some, out + i);
    }
}

static void short_row(const eq_minmax_s8_t *p, const int8_t *a, const int8_t *b, int32_t b_step,
                      int32_t n, int8_t *out)
{
    for (int32_t i = 0; i < n; i++, b += b_step) {
        const int8_t x = value(p->a_table, a[i]), y = value(p->b_table, *b);
        out[i] = (x > y) == (p->is_max != 0) ? x : y;
    }
}

void eq_minmax_s8_neon(const eq_minmax_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    const params_t k = {p->is_max};
    if (p->a_table == 0 && p->b_table == 0) {
        eq_neon_rows(&k, a, b, p->outer, p->n, p->inner, out);
    } else {
        const uint32_t n = p->inner == 1 ? p->n : p->inner, rows = p->inner == 1 ? 1 : p->n;
        for (uint32_t i = 0; i < p->outer * rows; i++, a += n, out += n) {
            const int8_t *u = b + (p->inner == 1 ? 0 : i % rows);
            if (n < 16) {
                short_row(p, a, u, p->inner == 1, (int32_t)n, out);
            } else {
                long_row(p, a, u, p->inner == 1, (int32_t)n, out);
            }
        }
    }
}

#endif
