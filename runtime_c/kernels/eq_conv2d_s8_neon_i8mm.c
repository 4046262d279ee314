/* eq_conv2d_s8_neon_i8mm - convolution, NEON with SMMLA: 2 pixels x 2 channels x 8 k an
 * instruction; tiles of 4 pixels x 16 channels, their inner loop in assembly; requantized as 2x2
 * blocks and sorted as bytes. `weights` holds blocks of 16 channels: bias, weights, factors. */
#include "eq_conv.h"
#include "eq_neon_out16.h"

#if defined(__ARM_FEATURE_MATMUL_INT8)

#include "eq_neon_conv_i8mm.h"

void eq_conv2d_s8_neon_i8mm(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch)
{
    eq_neon_conv(p, in, out, scratch);
}

#endif
