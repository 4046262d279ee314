/* eq_conv2d_s8w4_neon_dot - convolution with 4-bit weights, NEON with SDOT. */
#include "eq_conv.h"
#include "eq_neon.h"

#if defined(__ARM_FEATURE_DOTPROD)

static inline int32x4_t mac16(int32x4_t acc, int8x16_t x, int8x16_t w)
{
    return vdotq_s32(acc, x, w);
}

#include "eq_neon_w4_conv.h"

void eq_conv2d_s8w4_neon_dot(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch)
{
    eq_neon_conv(p, in, out, scratch);
}

#endif
