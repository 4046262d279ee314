/* eq_mul_s8_v7m - product with a broadcast operand with SMULL and SSAT. ARMv7-M. */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 7 && __ARM_ARCH_PROFILE == 'M'
#include "eq_gemm_v7m.h"
#include "eq_scale_v7m.h"

#include "eq_mul_rows.h"

void eq_mul_s8_v7m(const eq_mul_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    if (p->shift < 0) {
        eq_mul_rows(p, eq_out(p->mult, p->shift, p->out_zero, 1), a, b, out);
    } else {
        eq_mul_rows(p, eq_out(p->mult, p->shift, p->out_zero, 0), a, b, out);
    }
    eq_clamp_v7m(out, (int32_t)(p->outer * p->n * p->inner), p->act_min, p->act_max);
}
#endif
