/* eq_minmax_s8 - minimum or maximum with a broadcast operand, portable C. */
#include "eq_ops.h"

static int32_t value(const int8_t *table, int8_t x)
{
    return table == 0 ? x : table[(uint8_t)x];
}

/* n values of `a`; the other operand advances by b_step: 1, or 0 to stay on one value. */
static void row(const eq_minmax_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out, uint32_t n,
                uint32_t b_step)
{
    for (uint32_t i = 0; i < n; i++, b += b_step) {
        const int32_t x = value(p->a_table, a[i]);
        const int32_t y = value(p->b_table, *b);
        out[i] = (int8_t)((x > y) == (p->is_max != 0) ? x : y);
    }
}

void eq_minmax_s8(const eq_minmax_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    for (uint32_t o = 0; o < p->outer; o++) {
        if (p->inner == 1) {
            row(p, a, b, out, p->n, 1);
            a += p->n;
            out += p->n;
        } else {
            for (uint32_t k = 0; k < p->n; k++, a += p->inner, out += p->inner) {
                row(p, a, b + k, out, p->inner, 0);
            }
        }
    }
}
