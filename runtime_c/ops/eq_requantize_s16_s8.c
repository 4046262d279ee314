/* eq_requantize_s16_s8 - activations from 16 to 8 bits, portable C. */
#include "eq_elementwise.h"
#include "eq_requant.h"

void eq_requantize_s16_s8(const eq_requantize_t *p, const int16_t *in, int8_t *out)
{
    for (uint32_t i = 0; i < p->n; i++) {
        const int32_t y = eq_requant(in[i] - p->in_zero, p->mult, p->shift) + p->out_zero;
        out[i] = (int8_t)eq_clamp(y, INT8_MIN, INT8_MAX);
    }
}
