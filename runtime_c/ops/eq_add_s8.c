/* eq_add_s8 - addition of equal shapes, portable C: one 64-bit product a value, the narrow input's
 * factor is split into 20 and 11 bits so that 32-bit products are exact. */
#include "eq_ops.h"
#include "eq_requant.h"

void eq_add_s8(const eq_add_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    /* high_mul(d << 20, mult) = (d * mult + 2^10) >> 11 with d in [-255, 255] */
    const int32_t high = p->b_mult >> 11;
    const int32_t low = p->b_mult & 2047;
    const int32_t a_zero = p->a_zero;
    const int32_t b_zero = p->b_zero;
    const int32_t b_right = -p->b_shift;
    for (uint32_t i = 0; i < p->n; i++) {
        const int32_t d = b[i] - b_zero;
        const int32_t narrow = eq_rounding_shift(d * high + ((d * low + 1024) >> 11), b_right);
        const int32_t sum = (a[i] - a_zero) * (1 << 19) + narrow;
        const int32_t y = eq_requant(sum, p->out_mult, p->out_shift) + p->out_zero;
        out[i] = (int8_t)eq_clamp(y, p->act_min, p->act_max);
    }
}
