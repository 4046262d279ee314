/* eq_conv2d_s16_f32 - convolution in float32 between int16 tensors, portable C for FPUs. */
#define EQ_VALUE int16_t
#include "eq_conv2d_f32.h"

void eq_conv2d_s16_f32(const eq_window_f32_t *p, const int16_t *in, int16_t *out)
{
    conv2d_f32(p, in, out);
}
