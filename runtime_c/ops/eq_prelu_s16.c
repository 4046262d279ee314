/* eq_prelu_s16 - PReLU with broadcast slopes and 16-bit activations, portable C. */
#include "eq_elementwise.h"
#include "eq_requant.h"

/* n values of `a`; the slopes advance by b_step: 1, or 0 to stay on one value. */
static void row(const eq_prelu_s16_t *p, const int16_t *a, const int16_t *b, int16_t *out,
                uint32_t n, uint32_t b_step)
{
    for (uint32_t i = 0; i < n; i++, b += b_step) {
        const int32_t y = a[i] >= 0 ? eq_requant(a[i], p->pos_mult, p->pos_shift)
                                    : eq_requant(a[i] * *b, p->neg_mult, p->neg_shift);
        out[i] = (int16_t)eq_clamp(y, INT16_MIN, INT16_MAX);
    }
}

void eq_prelu_s16(const eq_prelu_s16_t *p, const int16_t *a, const int16_t *b, int16_t *out)
{
    const uint32_t rows = p->inner == 1 ? p->outer : p->outer * p->n;
    const uint32_t n = p->inner == 1 ? p->n : p->inner, b_step = p->inner == 1;
    for (uint32_t r = 0; r < rows; r++, a += n, out += n) {
        row(p, a, b_step == 1 ? b : b + r % p->n, out, n, b_step);
    }
}
