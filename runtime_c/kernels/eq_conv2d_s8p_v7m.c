/* eq_conv2d_s8p_v7m - convolution with packed weights: some channels are unpacked at a time to the
 * stream of eq_gemm_v7m.h, then four pixels at a time. ARMv7-M.
 *
 * Scratch: the stream, then as eq_conv2d_s8_v7m. */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 7 && __ARM_ARCH_PROFILE == 'M'
#include "eq_conv_patches.h"
#include "eq_gemm_v7m.h"
#include "eq_packed.h"

/* All pixels for the channels of g, which begin at `out`. */
static void channels(const eq_conv2d_s8_t *p, const eq_gemm_v7m_t *g, const int8_t *in, int8_t *out,
                     int8_t *scratch)
{
    const int32_t out_c = p->out_c;
    eq_patches_t patches = eq_patches_begin(p, in, scratch + 32 * g->quads);
    uint32_t *const x = (uint32_t *)(void *)scratch;
    for (int32_t left = (int32_t)p->out_h * p->out_w; left > 0; left -= 4, out += 4 * out_c) {
        const int32_t distance[3] = {left > 1 ? out_c : 0, left > 2 ? 2 * out_c : 0,
                                     left > 3 ? 3 * out_c : 0};
        eq_patches_next(&patches, x);
        eq_gemm4_s8_v7m(g, x, out, distance);
        for (int32_t i = 0; i < 4 && i < left; i++) {
            eq_clamp_v7m(out + i * out_c, g->out_c, p->act_min, p->act_max);
        }
    }
}

void eq_conv2d_s8p_v7m(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch)
{
    const eq_packed_t *h = eq_packed_of(p->weights);
    const int8_t *from = p->weights + sizeof *h;
    int8_t *const stream = scratch;
    eq_gemm_v7m_t g = {stream, h->runs * h->units, 0, 2 * p->out_zero + 1};
    for (int32_t first = 0; first < p->out_c; first += h->block) {
        const int32_t left = p->out_c - first;
        from = eq_unpack_block(h, from, stream, left, eq_unpack_bytes);
        g.out_c = left < h->block ? left : h->block;
        channels(p, &g, in, out + first, stream + h->block * eq_packed_record(h, 4));
    }
}
#endif
