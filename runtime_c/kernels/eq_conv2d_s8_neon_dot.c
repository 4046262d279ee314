/* eq_conv2d_s8_neon_dot - convolution, NEON with SDOT by element: a vector of weights holds 4
 * channels x 4 k, so sums come out one channel a lane; tiles of 4 pixels x 16 channels, their inner
 * loop in assembly. `weights` holds blocks of 16 channels: bias, weights, factors. */
#include "eq_conv.h"
#include "eq_neon_out16.h"

#if defined(__ARM_FEATURE_DOTPROD)

#include "eq_neon_conv_dot.h"

void eq_conv2d_s8_neon_dot(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch)
{
    eq_neon_conv(p, in, out, scratch);
}

#endif
