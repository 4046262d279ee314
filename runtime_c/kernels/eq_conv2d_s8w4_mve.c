/* eq_conv2d_s8w4_mve - convolution with 4-bit weights, MVE: eq_mve_conv2d with its own product. */
#include "eq_mve_w4.h"

#if defined(__ARM_FEATURE_MVE)
void eq_conv2d_s8w4_mve(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch)
{
    const eq_mve_gemm_t g = eq_mve_gemm_of(p);
    eq_mve_conv2d(p, &g, in, out, scratch, eq_mve_gemm_s8w4);
}
#endif
