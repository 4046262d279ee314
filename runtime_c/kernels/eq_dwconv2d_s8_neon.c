/* eq_dwconv2d_s8_neon - depthwise convolution of any window and multiplier, NEON: 8 channels at a
 * time out of a ring of padded rows. */
#include "eq_conv.h"
#include "eq_neon_dw.h"

#if defined(__ARM_NEON)

void eq_dwconv2d_s8_neon(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                         void *restrict scratch)
{
    eq_neon_depthwise(p, in, out, scratch);
}

#endif
