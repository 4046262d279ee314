/* eq_compare_s8 - comparison with a broadcast operand, portable C. */
#include "eq_elementwise.h"
#include "eq_requant.h"

/* n values of `a`; the other operand advances by b_step: 1, or 0 to stay on one value. */
static void row(const eq_compare_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out, uint32_t n,
                uint32_t b_step)
{
    const int32_t one = (int32_t)1 << p->left;
    for (uint32_t i = 0; i < n; i++, b += b_step) {
        const int32_t x = eq_requant((a[i] - p->a_zero) * one, p->a_mult, p->a_shift);
        const int32_t y = eq_requant((*b - p->b_zero) * one, p->b_mult, p->b_shift);
        out[i] = x < y ? p->less : (x > y ? p->greater : p->equal);
    }
}

void eq_compare_s8(const eq_compare_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
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
