/* eq_mve_gemm_s8 - matrix product for any activation, MVE: 2 columns x 4 channels at a time. */
#include "eq_mve_gemm.h"

#if defined(__ARM_FEATURE_MVE)
#define EQ_MVE_ROUND(X, T, S) EQ_MVE_AWAY(X, T, S)
#include "eq_mve_gemm_pair.h"

void eq_mve_gemm_s8(const eq_mve_gemm_t *g, const int8_t *cols, int32_t stride, int32_t pixels,
                    int8_t *out)
{
    product(g, cols, stride, pixels, out);
}
#endif
