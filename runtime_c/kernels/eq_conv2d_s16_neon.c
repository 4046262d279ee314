/* eq_conv2d_s16_neon - convolution with 16-bit activations, NEON: SMLAL, 4 pixels x 2 channels. */
#include "eq_conv.h"

#if defined(__ARM_NEON)
#include "eq_neon_s16.h"

#define EQ_S16_TILE EQ_S16_MOST

static inline void copy(int16_t *to, const int16_t *from, int32_t n)
{
    eq_neon_copy((int8_t *)to, (const int8_t *)from, 2 * n);
}

static void pixels(const eq_conv2d_s16_t *p, int16_t *x, int32_t k, int16_t *const *out)
{
    eq_neon_columns_s16(x, EQ_S16_TILE, p->weights, k, p->out_c, p->act_min, p->act_max, out);
}

#include "eq_conv_s16.h"

void eq_conv2d_s16_neon(const eq_conv2d_s16_t *p, const int16_t *in, int16_t *out, void *scratch)
{
    eq_conv_s16(p, in, out, scratch);
}
#endif
