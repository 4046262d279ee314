/* eq_conv_v7m.h - convolution: the patches of four pixels widened, then all channels. ARMv7-M.
 *
 * Weights are the stream of the product over k = kh * kw * in_c. Scratch: four widened patches
 * (32 * ceil(k / 4) bytes), then in_c bytes that stand for padding. `out` may lie over inputs that
 * no later patch reads. */
#ifndef EQ_CONV_V7M_H
#define EQ_CONV_V7M_H

#include "eq_conv_patches.h"
#include "eq_gemm_v7m.h"

static inline void eq_conv_v7m(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out,
                               void *scratch,
                               void gemm4(const eq_gemm_v7m_t *, const uint32_t *, int8_t *,
                                          const int32_t[3]))
{
    const int32_t out_c = p->out_c, quads = ((int32_t)p->kh * p->kw * p->in_c + 3) / 4;
    const eq_gemm_v7m_t g = {p->weights, quads, out_c, 2 * p->out_zero + 1};
    eq_patches_t patches = eq_patches_begin(p, in, (int8_t *)scratch + 32 * quads);
    for (int32_t left = (int32_t)p->out_h * p->out_w; left > 0; left -= 4) {
        const int32_t distance[3] = {left > 1 ? out_c : 0, left > 2 ? 2 * out_c : 0,
                                     left > 3 ? 3 * out_c : 0};
        eq_patches_next(&patches, scratch);
        gemm4(&g, scratch, out, distance);
        eq_clamp_v7m(out, (left < 4 ? left : 4) * out_c, p->act_min, p->act_max);
        out += 4 * out_c;
    }
}

#endif
