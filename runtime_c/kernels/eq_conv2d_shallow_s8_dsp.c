/* eq_conv2d_shallow_s8_dsp - convolution of few input channels: patches gathered as bytes, widened
 * three at a time, then all channels. Arm DSP ISA.
 *
 * Any in_c, out_c even; weights are the stream of eq_gemm_dsp.h over k = kh * kw * in_c. Scratch:
 * three widened patches, then three patches of 4 * ceil(k / 4) + 4 bytes. */
#if defined(__ARM_FEATURE_DSP) && __ARM_ARCH_PROFILE == 'M'
#include "eq_gemm_dsp.h"
#include "eq_ops.h"

/* Copies n bytes by words: may write up to 3 more, reads none beyond. */
static inline int8_t *copy(int8_t *to, const int8_t *from, int32_t n)
{
    int32_t i = 0;
    for (; i + 4 <= n; i += 4) {
        eq_store4(to + i, eq_load4(from + i));
    }
    for (; i < n; i++) {
        to[i] = from[i];
    }
    return to + n;
}

static inline int8_t *fill(int8_t *to, int32_t value, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        to[i] = (int8_t)value;
    }
    return to + n;
}

/* One patch whose upper left tap is at (y, x). */
static void gather(const eq_conv2d_s8_t *p, const int8_t *in, int32_t y, int32_t x, int8_t *to)
{
    const int32_t in_c = p->in_c, kw = p->kw, in_w = p->in_w;
    for (int32_t ky = 0; ky < p->kh; ky++, y += p->dil_h) {
        if (y < 0 || y >= p->in_h) {
            to = fill(to, p->in_zero, kw * in_c);
        } else if (p->dil_w == 1) {
            const int32_t before = x < 0 ? (x > -kw ? -x : kw) : 0;
            const int32_t over = x + kw - in_w;
            const int32_t after = over > 0 ? (over < kw ? over : kw) : 0;
            to = fill(to, p->in_zero, before * in_c);
            to = copy(to, in + (y * in_w + x + before) * in_c, (kw - before - after) * in_c);
            to = fill(to, p->in_zero, after * in_c);
        } else {
            for (int32_t kx = 0; kx < kw; kx++) {
                const int32_t at = x + kx * p->dil_w;
                to = at >= 0 && at < in_w ? copy(to, in + (y * in_w + at) * in_c, in_c)
                                          : fill(to, p->in_zero, in_c);
            }
        }
    }
}

void eq_conv2d_shallow_s8_dsp(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out,
                              void *scratch)
{
    const int32_t out_c = p->out_c, words = ((int32_t)p->kh * p->kw * p->in_c + 3) / 4;
    const eq_gemm_dsp_t g = {p->weights, words, out_c, 2 * p->out_zero + 1};
    int8_t *patches = (int8_t *)scratch + 24 * words;
    const int32_t pitch = 4 * words + 4;
    int32_t ox = 0, y = -p->pad_top, x = -p->pad_left;
    for (int32_t left = (int32_t)p->out_h * p->out_w; left > 0; left -= 3) {
        const int32_t n = left < 3 ? left : 3;
        for (int32_t i = 0; i < n; i++) {
            gather(p, in, y, x, patches + i * pitch);
            x += p->stride_w;
            if (++ox == p->out_w) {
                ox = 0;
                x = -p->pad_left;
                y += p->stride_h;
            }
        }
        (void)eq_widen3(patches, patches + pitch, patches + 2 * pitch, words, scratch);
        eq_gemm3_s8_dsp(&g, scratch, out, n > 1 ? out_c : 0, n > 2 ? 2 * out_c : 0);
        eq_clamp_dsp(out, n * out_c, p->act_min, p->act_max);
        out += 3 * out_c;
    }
}
#endif
