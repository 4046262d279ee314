/* eq_conv2d_1x1_s8_dsp - 1x1 convolution: three pixels widened, then all channels. Arm DSP ISA.
 *
 * in_c is a multiple of 4, out_c even; weights are the stream of eq_gemm_dsp.h. The pixels are in
 * scratch before their outputs are written, so `out` may overlap pixels already read. */
#if defined(__ARM_FEATURE_DSP) && __ARM_ARCH_PROFILE == 'M'
#include "eq_gemm_dsp.h"
#include "eq_conv.h"

void eq_conv2d_1x1_s8_dsp(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch)
{
    const int32_t in_c = p->in_c, out_c = p->out_c;
    const eq_gemm_dsp_t g = {p->weights, in_c / 4, out_c, 2 * p->out_zero + 1};
    for (int32_t left = (int32_t)p->out_h * p->out_w; left > 0; left -= 3) {
        const int32_t second = left > 1 ? 1 : 0, third = left > 2 ? 2 : 0;
        (void)eq_widen3(in, in + second * in_c, in + third * in_c, in_c / 4, scratch);
        eq_gemm3_s8_dsp(&g, scratch, out, second * out_c, third * out_c);
        eq_clamp_dsp(out, (left < 3 ? left : 3) * out_c, p->act_min, p->act_max);
        in += 3 * in_c;
        out += 3 * out_c;
    }
}
#endif
