/* eq_addsub_s8 - sum or difference with a broadcast operand, portable C. */
#include "eq_ops.h"
#include "eq_requant.h"

static int32_t term(int32_t x, int32_t sign, int32_t mult, int32_t shift)
{
    return sign * eq_requant(x * (1 << 20), mult, shift);
}

/* n values of `a`; the other operand advances by b_step: 1, or 0 to stay on one value. */
static void row(const eq_addsub_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out, uint32_t n,
                uint32_t b_step)
{
    for (uint32_t i = 0; i < n; i++, b += b_step) {
        const int32_t sum = term(a[i] - p->a_zero, p->a_sign, p->a_mult, p->a_shift)
                            + term(*b - p->b_zero, p->b_sign, p->b_mult, p->b_shift);
        const int32_t y = eq_requant(sum, p->out_mult, p->out_shift) + p->out_zero;
        out[i] = (int8_t)eq_clamp(y, p->act_min, p->act_max);
    }
}

void eq_addsub_s8(const eq_addsub_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
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
