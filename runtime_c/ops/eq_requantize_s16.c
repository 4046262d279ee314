/* eq_requantize_s16 - activations from 16 bits to 16 bits of another scale, portable C. */
#include "eq_elementwise.h"
#include "eq_requant.h"

void eq_requantize_s16(const eq_requantize_t *p, const int16_t *in, int16_t *out)
{
    for (uint32_t i = 0; i < p->n; i++) {
        const int32_t y = eq_requant(in[i] - p->in_zero, p->mult, p->shift) + p->out_zero;
        out[i] = (int16_t)eq_clamp(y, INT16_MIN, INT16_MAX);
    }
}
