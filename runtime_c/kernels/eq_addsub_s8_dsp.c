/* eq_addsub_s8_dsp - sum or difference with a broadcast operand with SMMULR and SSAT. Arm DSP ISA. */
#if defined(__ARM_FEATURE_DSP) && __ARM_ARCH_PROFILE == 'M'
#include "eq_gemm_dsp.h"
#include "eq_scale_dsp.h"

#include "eq_addsub_rows.h"

void eq_addsub_s8_dsp(const eq_addsub_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    if (p->out_shift < 0) {
        eq_addsub_rows(p, eq_out(p->out_mult, p->out_shift, p->out_zero, 1), a, b, out);
    } else {
        eq_addsub_rows(p, eq_out(p->out_mult, p->out_shift, p->out_zero, 0), a, b, out);
    }
    eq_clamp_dsp(out, (int32_t)(p->outer * p->n * p->inner), p->act_min, p->act_max);
}
#endif
