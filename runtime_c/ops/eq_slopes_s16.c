/* eq_slopes_s16 - one slope on each side of 0 with 16-bit activations, portable C. */
#include "eq_elementwise.h"
#include "eq_requant.h"

void eq_slopes_s16(const eq_slopes_s16_t *p, const int16_t *in, int16_t *out)
{
    for (uint32_t i = 0; i < p->n; i++) {
        const int32_t x = in[i];
        const int32_t y = x >= 0 ? eq_requant(x, p->above_mult, p->above_shift)
                                 : p->below_sign * eq_requant(x, p->below_mult, p->below_shift);
        out[i] = (int16_t)eq_clamp(y, p->act_min, p->act_max);
    }
}
