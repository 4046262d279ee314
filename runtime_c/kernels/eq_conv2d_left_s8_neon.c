/* eq_conv2d_left_s8_neon - eq_conv2d_s8_neon for multipliers of 1 and more,
 * whose accumulators shift to the left first. */
#define EQ_NEON_LEFT 1
#include "eq_conv.h"
#include "eq_neon.h"

#if defined(__ARM_NEON)

#include "eq_neon_conv_base.h"

void eq_conv2d_left_s8_neon(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch)
{
    eq_neon_conv(p, in, out, scratch);
}

#endif
