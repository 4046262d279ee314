/* eq_conv2d_left_s8_mve - convolution with left shifts, MVE: see eq_mve_conv2d.c for how. */
#include "eq_mve_gemm.h"

#if defined(__ARM_FEATURE_MVE)
void eq_conv2d_left_s8_mve(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch)
{
    const eq_mve_gemm_t g = eq_mve_gemm_of(p);
    eq_mve_conv2d(p, &g, in, out, scratch, eq_mve_gemm_left_s8);
}
#endif
