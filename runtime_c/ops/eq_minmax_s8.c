/* eq_minmax_s8 - minimum or maximum with a broadcast operand, portable C. */
#include "eq_elementwise.h"

/* `is_max` and `tables` are constants where this is inlined. */
static inline void rows(const eq_minmax_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out,
                        int is_max, int tables)
{
    const int8_t *a_table = p->a_table, *b_table = p->b_table;
    const uint32_t n = p->n, inner = p->inner, b_step = inner == 1 ? 1 : 0;
    const uint32_t repeats = inner == 1 ? 1 : n, run = inner == 1 ? n : inner;
    for (uint32_t outer = p->outer; outer > 0; outer--) {
        for (uint32_t k = 0; k < repeats; k++) {
            const int8_t *other = b + k;
            for (uint32_t i = run; i > 0; i--, other += b_step) {
                int32_t x = *a++, y = *other;
                if (tables && a_table != 0) {
                    x = a_table[(uint8_t)x];
                }
                if (tables && b_table != 0) {
                    y = b_table[(uint8_t)y];
                }
                *out++ = (int8_t)((x > y) == is_max ? x : y);
            }
        }
    }
}

void eq_minmax_s8(const eq_minmax_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    if (p->a_table != 0 || p->b_table != 0) {
        rows(p, a, b, out, p->is_max != 0, 1);
    } else if (p->is_max != 0) {
        rows(p, a, b, out, 1, 0);
    } else {
        rows(p, a, b, out, 0, 0);
    }
}
