/* eq_conv2d_s8p_v6m - convolution with packed weights: some channels are unpacked at a time to rows of
 * int8, then four pixels at a time. ARMv6-M.
 *
 * shift holds right shift - 1. Scratch: the rows, then as eq_conv2d_s8_v6m. */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 6 && __ARM_ARCH_PROFILE == 'M'
#include "eq_conv_patches.h"
#include "eq_gemm_v6m.h"
#include "eq_packed.h"

/* All pixels for channels first to first + n - 1, whose weights w have 4 * quads bytes each. */
static void channels(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, const int8_t *w,
                     int32_t first, int32_t n, int8_t *scratch)
{
    const int32_t out_c = p->out_c, quads = ((int32_t)p->kh * p->kw * p->in_c + 3) / 4;
    const eq_clamp_v6m_t q = {2 * p->out_zero + 1, p->act_min, p->act_max};
    eq_patches_t patches = eq_patches_begin(p, in, scratch + 32 * quads);
    uint32_t *const x = (uint32_t *)(void *)scratch;
    for (int32_t left = (int32_t)p->out_h * p->out_w; left > 0; left -= 4, out += 4 * out_c) {
        eq_four_v6m_t to = {{0, {0, 0, 0}, q}, {0, 0, 0}, out + first, 0};
        for (int32_t i = 0; i < 3; i++) {
            to.distance[i] = left > i + 1 ? (i + 1) * out_c : 0;
        }
        eq_patches_next(&patches, x);
        for (int32_t i = 0; i < n; i++, to.out++) {
            to.f.bias = p->bias[first + i];
            to.f.c = eq_channel_v6m(p->mult[first + i], p->shift[first + i]);
            eq_dot4_s8_v6m(x, w + 4 * i * quads, quads, &to);
        }
    }
}

void eq_conv2d_s8p_v6m(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch)
{
    const eq_packed_t *h = eq_packed_of(p->weights);
    const int8_t *from = p->weights + sizeof *h;
    int8_t *const rows = scratch;
    for (int32_t first = 0; first < p->out_c; first += h->block) {
        const int32_t left = p->out_c - first, n = left < h->block ? left : h->block;
        from = eq_unpack_block(h, from, rows, left, eq_unpack_bytes);
        channels(p, in, out, rows, first, n, rows + h->block * eq_packed_record(h, 4));
    }
}
#endif
