/* eq_prelu_s8_dsp - PReLU with broadcast slopes with SMMULR and SSAT. Arm DSP ISA. */
#if defined(__ARM_FEATURE_DSP) && __ARM_ARCH_PROFILE == 'M'
#include "eq_scale_dsp.h"

#include "eq_prelu_rows.h"

void eq_prelu_s8_dsp(const eq_prelu_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    eq_prelu_rows(p, a, b, out);
}
#endif
