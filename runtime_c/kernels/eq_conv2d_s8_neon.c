/* eq_conv2d_s8_neon - convolution, NEON without dot product: SMULL + SMLAL add two products in
 * 16 bits (weights >= -127), SADALP widens; 16 k of 4 channels at a time, in assembly. */
#include "eq_conv.h"
#include "eq_neon.h"

#if defined(__ARM_NEON)

#include "eq_neon_conv_base.h"

void eq_conv2d_s8_neon(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch)
{
    eq_neon_conv(p, in, out, scratch);
}

#endif
