/* eq_conv2d_s8p_dsp - convolution with packed weights: some channels are unpacked at a time to the
 * stream of eq_gemm_dsp.h, then three pixels at a time. DSP.
 *
 * out_c is even. Scratch: the stream, three widened patches of 8 * words bytes, three patches of
 * 4 * words bytes. */
#if defined(__ARM_FEATURE_DSP) && __ARM_ARCH_PROFILE == 'M'
#include "eq_dsp_packed.h"
#include "eq_patch_dsp.h"

/* All pixels for the channels of g, which begin at `out`. */
static void channels(const eq_conv2d_s8_t *p, const eq_gemm_dsp_t *g, const int8_t *in, int8_t *out,
                     uint32_t *widened)
{
    const int32_t pitch = 4 * g->words, out_c = p->out_c;
    int8_t *const patches = (int8_t *)(widened + 6 * g->words);
    int32_t ox = 0, y = -p->pad_top, x = -p->pad_left;
    for (int32_t left = (int32_t)p->out_h * p->out_w; left > 0; left -= 3, out += 3 * out_c) {
        const int32_t n = left < 3 ? left : 3;
        for (int32_t i = 0; i < n; i++) {
            eq_patch_dsp(p, in, y, x, patches + i * pitch);
            x += p->stride_w;
            if (++ox == p->out_w) {
                ox = 0;
                x = -p->pad_left;
                y += p->stride_h;
            }
        }
        (void)eq_widen3(patches, patches + pitch, patches + 2 * pitch, g->words, widened);
        eq_gemm3_s8_dsp(g, widened, out, n > 1 ? out_c : 0, n > 2 ? 2 * out_c : 0);
        for (int32_t i = 0; i < n; i++) {
            eq_clamp_dsp(out + i * out_c, g->out_c, p->act_min, p->act_max);
        }
    }
}

void eq_conv2d_s8p_dsp(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch)
{
    const eq_packed_t *h = eq_packed_of(p->weights);
    const int8_t *from = p->weights + sizeof *h;
    const int32_t size = h->block / h->channels * eq_packed_record(h, 4);
    int8_t *const stream = scratch;
    eq_gemm_dsp_t g = {stream, h->runs * h->units, 0, 2 * p->out_zero + 1};
    for (int32_t first = 0; first < p->out_c; first += h->block) {
        const int32_t left = p->out_c - first;
        from = eq_unpack_block(h, from, stream, left, eq_unpack_halves);
        g.out_c = left < h->block ? left : h->block;
        channels(p, &g, in, out + first, (uint32_t *)(void *)(stream + size));
    }
}
#endif
