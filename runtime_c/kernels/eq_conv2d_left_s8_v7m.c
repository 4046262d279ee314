/* eq_conv2d_left_s8_v7m - convolution for any shift: see eq_conv_v7m.h. ARMv7-M. */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 7 && __ARM_ARCH_PROFILE == 'M'
#include "eq_conv_v7m.h"

void eq_conv2d_left_s8_v7m(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch)
{
    eq_conv_v7m(p, in, out, scratch, eq_gemm4_left_s8_v7m);
}
#endif
