/* eq_add_s8 - addition of equal shapes, portable C: one 64-bit product a value, the narrow input's
 * factor is split into 20 and 11 bits so that 32-bit products are exact. */
#include "eq_elementwise.h"
#include "eq_scale.h"

void eq_add_s8(const eq_add_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    /* high_mul(d << 20, mult) = (d * mult + 2^10) >> 11 with d in [-255, 255] */
    const int32_t high = p->b_mult >> 11, low = p->b_mult & 2047;
    const int32_t a_zero = p->a_zero, b_zero = p->b_zero;
    const eq_scale_t narrow = eq_scale(p->b_mult, p->b_shift);
    const eq_out_t k = eq_out(p->out_mult, p->out_shift, p->out_zero, p->act_min, p->act_max);
    for (uint32_t i = p->n; i > 0; i--) {
        const int32_t d = *b++ - b_zero;
        const int32_t x = eq_rounded(&narrow, d * high + ((d * low + 1024) >> 11));
        *out++ = eq_finish(&k, (*a++ - a_zero) * (1 << 19) + x);
    }
}
