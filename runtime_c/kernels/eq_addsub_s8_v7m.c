/* eq_addsub_s8_v7m - sum or difference with a broadcast operand with SMULL and SSAT. ARMv7-M. */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 7 && __ARM_ARCH_PROFILE == 'M'
#include "eq_gemm_v7m.h"
#include "eq_scale_v7m.h"

#include "eq_addsub_rows.h"

void eq_addsub_s8_v7m(const eq_addsub_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    if (p->out_shift < 0) {
        eq_addsub_rows(p, eq_out(p->out_mult, p->out_shift, p->out_zero, 1), a, b, out);
    } else {
        eq_addsub_rows(p, eq_out(p->out_mult, p->out_shift, p->out_zero, 0), a, b, out);
    }
    eq_clamp_v7m(out, (int32_t)(p->outer * p->n * p->inner), p->act_min, p->act_max);
}
#endif
