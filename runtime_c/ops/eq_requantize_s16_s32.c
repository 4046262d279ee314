/* eq_requantize_s16_s32 - from 16 bits to 32 bits of another scale, portable C. */
#include "eq_elementwise.h"
#include "eq_requant.h"

void eq_requantize_s16_s32(const eq_requantize_t *p, const int16_t *in, int32_t *out)
{
    for (uint32_t i = 0; i < p->n; i++) {
        out[i] = eq_requant(in[i] - p->in_zero, p->mult, p->shift) + p->out_zero;
    }
}
