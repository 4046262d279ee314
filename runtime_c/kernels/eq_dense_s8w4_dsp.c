/* eq_dense_s8w4_dsp - dense layer with 4-bit weights: four channels by eight inputs a step. DSP.
 *
 * in_c is a multiple of 8; the arithmetic is that of eq_gemm_w4_dsp.h. Weights, for every four
 * channels: words of eight weights by turns, twice the bias[4], mult[4], right shift - 1 [4] (int8);
 * out_c is filled up to a multiple of 4. */
#if defined(__ARM_FEATURE_DSP) && __ARM_ARCH_PROFILE == 'M'
#include "eq_gemm_w4_dsp.h"

static inline int32_t smlad(uint32_t a, uint32_t b, int32_t acc)
{
    int32_t r;
    __asm__("smlad %0, %1, %2, %3" : "=r"(r) : "r"(a), "r"(b), "r"(acc));
    return r;
}

static inline uint32_t sxtb16(uint32_t x)
{
    uint32_t r;
    __asm__("sxtb16 %0, %1" : "=r"(r) : "r"(x));
    return r;
}

static inline uint32_t sxtb16_ror8(uint32_t x)
{
    uint32_t r;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(r) : "r"(x));
    return r;
}

/* acc + 4096 * the eight weights of w times the inputs. */
static inline int32_t eight(int32_t acc, uint32_t w, const uint32_t x[4])
{
    const uint32_t mask = 0xF000F000u;
    acc = smlad(w & mask, x[0], acc);
    acc = smlad((w << 4) & mask, x[1], acc);
    acc = smlad((w << 8) & mask, x[2], acc);
    return smlad((w << 12) & mask, x[3], acc);
}

/* Four outputs as the bytes of a word. */
static uint32_t four_channels(const int8_t *in, const int8_t *stream, int32_t words, int32_t zero2)
{
    const uint32_t *w = (const uint32_t *)(const void *)stream;
    int32_t a = 0, b = 0, c = 0, d = 0;
    for (; words > 0; words--, in += 8, w += 4) {
        const uint32_t low = eq_load4(in), high = eq_load4(in + 4);
        const uint32_t x[4] = {sxtb16(low), sxtb16_ror8(low), sxtb16(high), sxtb16_ror8(high)};
        a = eight(a, w[0], x);
        b = eight(b, w[1], x);
        c = eight(c, w[2], x);
        d = eight(d, w[3], x);
    }
    const int32_t *t = (const int32_t *)(const void *)w;
    const int8_t *s = (const int8_t *)(t + 8);
    const int32_t y0 = eq_finish_dsp((a >> 11) + t[0], t[4], s[0], zero2);
    const int32_t y1 = eq_finish_dsp((b >> 11) + t[1], t[5], s[1], zero2);
    const int32_t y2 = eq_finish_dsp((c >> 11) + t[2], t[6], s[2], zero2);
    const int32_t y3 = eq_finish_dsp((d >> 11) + t[3], t[7], s[3], zero2);
    return (uint32_t)(uint8_t)y0 | (uint32_t)(uint8_t)y1 << 8 | (uint32_t)(uint8_t)y2 << 16
           | (uint32_t)(uint8_t)y3 << 24;
}

#include "eq_dense_dsp.h"

void eq_dense_s8w4_dsp(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                       void *restrict scratch)
{
    (void)scratch;
    eq_dense_dsp(p, in, out, p->in_c / 8);
}
#endif
