/* eq_div_s8 - quotient with a broadcast operand, portable C: a table of the divisors' inverses. */
#include "eq_elementwise.h"
#include "eq_requant.h"

/* n quotients; the operands advance by a step of 1, or 0 to stay on one value. */
static void row(const eq_div_s8_t *p, const int8_t *num, uint32_t num_step, const int8_t *den,
                uint32_t den_step, int8_t *out, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++, num += num_step, den += den_step) {
        const int32_t x = (*num - p->num_zero) * p->inverse[(uint8_t)*den];
        const int32_t y = eq_requant(x, p->mult, p->shift) + p->out_zero;
        out[i] = (int8_t)eq_clamp(y, p->act_min, p->act_max);
    }
}

void eq_div_s8(const eq_div_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    const uint32_t steps = p->inner == 1 ? 1 : p->n;
    const uint32_t n = p->inner == 1 ? p->n : p->inner, b_step = p->inner == 1;
    for (uint32_t o = 0; o < p->outer; o++) {
        for (uint32_t k = 0; k < steps; k++, a += n, out += n) {
            if (p->a_divides) {
                row(p, b + k, b_step, a, 1, out, n);
            } else {
                row(p, a, 1, b + k, b_step, out, n);
            }
        }
    }
}
