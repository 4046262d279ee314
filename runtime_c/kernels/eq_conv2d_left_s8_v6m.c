/* eq_conv2d_left_s8_v6m - convolution with any shift: four patches at a time. ARMv6-M.
 *
 * Weights: (out_c, 4 * ceil(k / 4)), filled up with zeros, k = kh * kw * in_c; any shift.
 * Scratch: four widened patches (32 * ceil(k / 4) bytes), then in_c bytes that stand for
 * padding. `out` may lie over inputs that no later patch reads. */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 6 && __ARM_ARCH_PROFILE == 'M'
#include "eq_conv_patches.h"
#include "eq_gemm_v6m.h"

void eq_conv2d_left_s8_v6m(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch)
{
    const int32_t out_c = p->out_c, quads = ((int32_t)p->kh * p->kw * p->in_c + 3) / 4;
    const eq_clamp_v6m_t q = {2 * p->out_zero + 1, p->act_min, p->act_max};
    eq_patches_t patches = eq_patches_begin(p, in, (int8_t *)scratch + 32 * quads);
    for (int32_t left = (int32_t)p->out_h * p->out_w; left > 0; left -= 4) {
        const int8_t *w = p->weights;
        eq_four_v6m_t to = {{0, {0, 0, 0}, q}, {0, 0, 0}, out, 0};
        for (int32_t i = 0; i < 3; i++) {
            to.distance[i] = left > i + 1 ? (i + 1) * out_c : 0;
        }
        eq_patches_next(&patches, scratch);
        for (int32_t oc = 0; oc < out_c; oc++, w += 4 * quads, to.out++) {
            to.f.bias = p->bias[oc];
            to.f.c = eq_channel_v6m(p->mult[oc], p->shift[oc] > 0 ? 0 : -p->shift[oc]);
            to.left = p->shift[oc] > 0 ? p->shift[oc] : 0;
            eq_dot4_left_s8_v6m(scratch, w, quads, &to);
        }
        out += 4 * out_c;
    }
}
#endif
