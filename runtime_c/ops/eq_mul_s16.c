/* eq_mul_s16 - product with a broadcast operand and 16-bit activations, portable C. */
#include "eq_elementwise.h"
#include "eq_requant.h"

/* n values of `a`; the other operand advances by b_step: 1, or 0 to stay on one value. */
static void row(const eq_mul_s16_t *p, const int16_t *a, const int16_t *b, int16_t *out, uint32_t n,
                uint32_t b_step)
{
    for (uint32_t i = 0; i < n; i++, b += b_step) {
        out[i] = (int16_t)eq_clamp(eq_requant(a[i] * *b, p->mult, p->shift), p->act_min,
                                   p->act_max);
    }
}

void eq_mul_s16(const eq_mul_s16_t *p, const int16_t *a, const int16_t *b, int16_t *out)
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
