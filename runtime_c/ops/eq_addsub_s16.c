/* eq_addsub_s16 - sum or difference with a broadcast operand and 16-bit activations, portable C. */
#include "eq_elementwise.h"
#include "eq_requant.h"

/* n values of `a`; the other operand advances by b_step: 1, or 0 to stay on one value. */
static void row(const eq_addsub_s16_t *p, const int16_t *a, const int16_t *b, int16_t *out,
                uint32_t n, uint32_t b_step)
{
    for (uint32_t i = 0; i < n; i++, b += b_step) {
        const int32_t sum = p->a_sign * eq_requant(a[i] * (1 << 15), p->a_mult, p->a_shift)
                            + p->b_sign * eq_requant(*b * (1 << 15), p->b_mult, p->b_shift);
        out[i] = (int16_t)eq_clamp(eq_requant(sum, p->out_mult, p->out_shift), p->act_min,
                                   p->act_max);
    }
}

void eq_addsub_s16(const eq_addsub_s16_t *p, const int16_t *a, const int16_t *b, int16_t *out)
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
