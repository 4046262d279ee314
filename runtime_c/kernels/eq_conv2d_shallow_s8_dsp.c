/* eq_conv2d_shallow_s8_dsp - convolution of any depth: see eq_conv_shallow_dsp.h. Arm DSP ISA. */
#if defined(__ARM_FEATURE_DSP) && __ARM_ARCH_PROFILE == 'M'
#include "eq_conv_shallow_dsp.h"

void eq_conv2d_shallow_s8_dsp(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out,
                             void *scratch)
{
    eq_conv_shallow_dsp(p, in, out, scratch, eq_gemm3_s8_dsp);
}
#endif
