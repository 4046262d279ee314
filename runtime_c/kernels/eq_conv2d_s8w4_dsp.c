/* eq_conv2d_s8w4_dsp - convolution with 4-bit weights: three patches widened, then all channels. DSP.
 *
 * Any in_c, out_c even; weights are the stream of eq_gemm_w4_dsp.h. Scratch: three widened patches of
 * 16 * words bytes, then three patches of 8 * words bytes, unless 1x1 pixels are read in place. The
 * pixels are in scratch before their outputs are written. */
#if defined(__ARM_FEATURE_DSP) && __ARM_ARCH_PROFILE == 'M'
#include "eq_gemm_w4_dsp.h"
#include "eq_patch_dsp.h"

/* Widens 2 * words > 0 words of three pixels. */
static void widen3(const int8_t *x0, const int8_t *x1, const int8_t *x2, int32_t words, uint32_t *to)
{
    int32_t n = 2 * words;
    __asm__ volatile(
        "1:\n\t"
        "ldr r8, [%[x0]], #4\n\t"
        "ldr r9, [%[x1]], #4\n\t"
        "ldr r10, [%[x2]], #4\n\t"
        "sxtb16 r4, r8\n\t"
        "sxtb16 r5, r9\n\t"
        "sxtb16 r6, r10\n\t"
        "sxtb16 r8, r8, ror #8\n\t"
        "sxtb16 r9, r9, ror #8\n\t"
        "sxtb16 r10, r10, ror #8\n\t"
        "stmia %[to]!, {r4, r5, r6, r8, r9, r10}\n\t"
        "subs %[n], #1\n\t"
        "bne 1b"
        : [x0] "+r"(x0), [x1] "+r"(x1), [x2] "+r"(x2), [to] "+r"(to), [n] "+r"(n)
        :
        : "r4", "r5", "r6", "r8", "r9", "r10", "cc", "memory");
}

void eq_conv2d_s8w4_dsp(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch)
{
    const int32_t out_c = p->out_c, in_c = p->in_c;
    const int32_t words = ((int32_t)p->kh * p->kw * in_c + 7) / 8, pitch = 8 * words;
    const int in_place = (in_c & 7) == 0 && p->kh == 1 && p->kw == 1 && p->stride_h == 1
                         && p->stride_w == 1 && p->out_h == p->in_h && p->out_w == p->in_w;
    const eq_gemm_w4_dsp_t g = {p->weights, words, out_c, 2 * p->out_zero + 1};
    int8_t *const patches = (int8_t *)scratch + 48 * words;
    int32_t ox = 0, y = -p->pad_top, x = -p->pad_left;
    for (int32_t left = (int32_t)p->out_h * p->out_w; left > 0; left -= 3) {
        const int32_t n = left < 3 ? left : 3;
        const int32_t second = n > 1 ? 1 : 0, third = n > 2 ? 2 : 0;
        if (in_place) {
            widen3(in, in + second * in_c, in + third * in_c, words, scratch);
            in += 3 * in_c;
        } else {
            for (int32_t i = 0; i < n; i++) {
                eq_patch_dsp(p, in, y, x, patches + i * pitch);
                x += p->stride_w;
                if (++ox == p->out_w) {
                    ox = 0;
                    x = -p->pad_left;
                    y += p->stride_h;
                }
            }
            widen3(patches, patches + pitch, patches + 2 * pitch, words, scratch);
        }
        eq_gemm3_s8w4_dsp(&g, scratch, out, second * out_c, third * out_c);
        eq_clamp_dsp(out, n * out_c, p->act_min, p->act_max);
        out += 3 * out_c;
    }
}
#endif
