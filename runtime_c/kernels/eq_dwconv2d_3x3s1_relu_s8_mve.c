/* eq_dwconv2d_3x3s1_relu_s8_mve - depthwise 3x3, act_min == out_zero, MVE: eq_mve_dw3x3s1.h. */
#include "eq_conv.h"

#if defined(__ARM_FEATURE_MVE)
#define EQ_MVE_ROUND(X, T, S) ""
#include "eq_mve_dw3x3s1.h"

void eq_dwconv2d_3x3s1_relu_s8_mve(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                                   void *scratch)
{
    depthwise(p, in, out, scratch);
}
#endif
