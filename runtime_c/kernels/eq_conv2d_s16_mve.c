/* eq_conv2d_s16_mve - convolution with 16-bit activations, MVE: eq_mve_conv2d on their bytes, sums
 * of 32 bits, which the generator proves to be enough. */
#include "eq_mve_gemm.h"

#if defined(__ARM_FEATURE_MVE)
void eq_conv2d_s16_mve(const eq_conv2d_s16_t *p, const int16_t *in, int16_t *out, void *scratch)
{
    const eq_mve_gemm_t g = {
        .weights = p->weights, .steps = (p->kh * p->kw * p->in_c + 7) / 8, .out_c = p->out_c,
        .row = 2 * p->out_c, .out_zero = 0, .act_min = p->act_min, .act_max = p->act_max,
    };
    const eq_conv2d_s8_t bytes = {
        .in_h = p->in_h, .in_w = p->in_w, .in_c = (uint16_t)(2 * p->in_c),
        .out_h = p->out_h, .out_w = p->out_w, .out_c = (uint16_t)(2 * p->out_c),
        .kh = p->kh, .kw = p->kw, .stride_h = p->stride_h, .stride_w = p->stride_w,
        .dil_h = p->dil_h, .dil_w = p->dil_w, .pad_top = p->pad_top, .pad_left = p->pad_left,
    };
    eq_mve_conv2d(&bytes, &g, (const int8_t *)in, (int8_t *)out, scratch, eq_mve_gemm_s16);
}
#endif
