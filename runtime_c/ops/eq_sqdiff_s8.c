/* eq_sqdiff_s8 - square of the difference with a broadcast operand, portable C. */
#include "eq_elementwise.h"
#include "eq_requant.h"

static int32_t term(int8_t x, int32_t zero, int32_t mult, int32_t shift)
{
    return eq_requant((x - zero) * (1 << 7), mult, shift);
}

static int8_t square(const eq_sqdiff_s8_t *p, int32_t x)
{
    const int32_t y = eq_requant(x * x, p->out_mult, p->out_shift) + p->out_zero;
    return (int8_t)eq_clamp(y, -128, 127);
}

void eq_sqdiff_s8(const eq_sqdiff_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    for (uint32_t o = 0; o < p->outer; o++) {
        for (uint32_t k = 0; k < p->n; k++) {
            const int32_t y = term(b[k], p->b_zero, p->b_mult, p->b_shift);
            for (uint32_t i = 0; i < p->inner; i++) {
                *out++ = square(p, term(*a++, p->a_zero, p->a_mult, p->a_shift) - y);
            }
        }
    }
}
