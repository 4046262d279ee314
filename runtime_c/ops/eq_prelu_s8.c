/* eq_prelu_s8 - PReLU with broadcast slopes, portable C. */
#include "eq_ops.h"
#include "eq_requant.h"

/* n values of `a`; the slope advances by b_step: 1, or 0 to stay on one value. */
static void row(const eq_prelu_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out, uint32_t n,
                uint32_t b_step)
{
    for (uint32_t i = 0; i < n; i++, b += b_step) {
        const int32_t x = a[i] - p->a_zero;
        const int32_t y = x >= 0 ? eq_requant(x, p->pos_mult, p->pos_shift)
                                 : eq_requant(x * (*b - p->b_zero), p->neg_mult, p->neg_shift);
        out[i] = (int8_t)eq_clamp(y + p->out_zero, INT8_MIN, INT8_MAX);
    }
}

void eq_prelu_s8(const eq_prelu_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
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
