/* eq_conv2d_left_s8_neon_dot - eq_conv2d_s8_neon_dot for multipliers of 1 and more,
 * whose accumulators shift to the left first. */
#define EQ_NEON_LEFT 1
#include "eq_conv.h"
#include "eq_neon_out16.h"

#if defined(__ARM_FEATURE_DOTPROD)

#include "eq_neon_conv_dot.h"

void eq_conv2d_left_s8_neon_dot(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out,
                                void *scratch)
{
    eq_neon_conv(p, in, out, scratch);
}

#endif
