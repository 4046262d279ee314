/* eq_minmax_s16 - minimum or maximum with a broadcast operand and 16-bit activations, portable C. */
#include "eq_elementwise.h"
#include "eq_requant.h"

/* x in the output's steps, as it is where mult is 0. */
static int32_t scaled(int32_t x, int32_t mult, int32_t shift)
{
    return mult == 0 ? x : eq_clamp(eq_requant(x, mult, shift), INT16_MIN, INT16_MAX);
}

/* n values of `a`; the other operand advances by b_step: 1, or 0 to stay on one value. */
static void row(const eq_minmax_s16_t *p, const int16_t *a, const int16_t *b, int16_t *out,
                uint32_t n, uint32_t b_step)
{
    for (uint32_t i = 0; i < n; i++, b += b_step) {
        const int32_t x = scaled(a[i], p->a_mult, p->a_shift);
        const int32_t y = scaled(*b, p->b_mult, p->b_shift);
        out[i] = (int16_t)((x > y) == (p->is_max != 0) ? x : y);
    }
}

void eq_minmax_s16(const eq_minmax_s16_t *p, const int16_t *a, const int16_t *b, int16_t *out)
{
    const uint32_t rows = p->inner == 1 ? p->outer : p->outer * p->n;
    const uint32_t n = p->inner == 1 ? p->n : p->inner, b_step = p->inner == 1;
    for (uint32_t r = 0; r < rows; r++, a += n, out += n) {
        row(p, a, b_step == 1 ? b : b + r % p->n, out, n, b_step);
    }
}
