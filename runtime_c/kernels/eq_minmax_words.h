/* eq_minmax_words.h - minimum or maximum with a broadcast operand, four values a word.
 * Tables as in portable C. ARMv7-M.
 *
 * Over eq_bytes4_<isa>.h, which the including file includes first. */
#ifndef EQ_MINMAX_WORDS_H
#define EQ_MINMAX_WORDS_H

#include "eq_elementwise.h"

/* n values; `b_step` is 0 where `b` is four times one value. */
static inline void row(const int8_t *a, const int8_t *b, int8_t *out, uint32_t n, uint32_t b_step,
                       int is_max)
{
    for (; n >= 4; n -= 4, a += 4, b += 4 * b_step, out += 4) {
        const uint32_t x = eq_load4(a), y = eq_load4(b);
        eq_store4(out, is_max ? eq_max4(x, y) : eq_min4(x, y));
    }
    for (; n > 0; n--, a++, b += b_step, out++) {
        *out = (*a > *b) == is_max ? *a : *b;
    }
}

static inline void rows(const eq_minmax_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out,
                        int is_max)
{
    const uint32_t n = p->n, inner = p->inner;
    for (uint32_t outer = p->outer; outer > 0; outer--) {
        if (inner == 1) {
            row(a, b, out, n, 1, is_max);
            a += n;
            out += n;
        }
        for (uint32_t i = 0; i < n && inner != 1; i++, a += inner, out += inner) {
            int8_t other[4];
            eq_store4(other, eq_four_of(b[i]));
            row(a, other, out, inner, 0, is_max);
        }
    }
}

static inline void eq_minmax_words(const eq_minmax_s8_t *p, const int8_t *a, const int8_t *b,
                                   int8_t *out)
{
    if (p->a_table != 0 || p->b_table != 0) {
        eq_minmax_s8(p, a, b, out);
    } else if (p->is_max != 0) {
        rows(p, a, b, out, 1);
    } else {
        rows(p, a, b, out, 0);
    }
}

#endif
