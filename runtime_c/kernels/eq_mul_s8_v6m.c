/* eq_mul_s8_v6m - product with a broadcast operand by 32-bit products. ARMv6-M. */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 6 && __ARM_ARCH_PROFILE == 'M'
#include "eq_scale_v6m.h"

#include "eq_mul_rows.h"

void eq_mul_s8_v6m(const eq_mul_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    const int32_t mult = p->mult, shift = p->shift, zero = p->out_zero;
    if (shift < 0) {
        eq_mul_rows(p, eq_out(mult, shift, zero, p->act_min, p->act_max, 1), a, b, out);
    } else {
        eq_mul_rows(p, eq_out(mult, shift, zero, p->act_min, p->act_max, 0), a, b, out);
    }
}
#endif
