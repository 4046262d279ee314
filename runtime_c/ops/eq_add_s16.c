/* eq_add_s16 - addition of equal shapes with 16-bit activations, portable C. */
#include "eq_elementwise.h"
#include "eq_requant.h"

void eq_add_s16(const eq_add_s16_t *p, const int16_t *a, const int16_t *b, int16_t *out)
{
    for (uint32_t i = 0; i < p->n; i++) {
        const int32_t sum = eq_requant(a[i] * (1 << 15), p->a_mult, p->a_shift)
                            + eq_requant(b[i] * (1 << 15), p->b_mult, p->b_shift);
        out[i] = (int16_t)eq_clamp(eq_requant(sum, p->out_mult, p->out_shift), p->act_min,
                                   p->act_max);
    }
}
