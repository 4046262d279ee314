/* eq_conv2d_s8_f32 - convolution in float32 between int8 tensors, portable C for FPUs. */
#define EQ_VALUE int8_t
#include "eq_conv2d_f32.h"

void eq_conv2d_s8_f32(const eq_window_f32_t *p, const int8_t *in, int8_t *out)
{
    conv2d_f32(p, in, out);
}
