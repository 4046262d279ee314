/* eq_gemm_dsp.h - what the DSP convolutions share: operands, widening, requantization. Arm DSP ISA.
 *
 * Two tricks. (1) Four weights of a channel are one word of two halfwords 256 * odd + even, so the
 * word itself is an SMLAD operand and SXTB16 of it is the other one:
 *     SMLAD(word, u) + SMLAD(SXTB16(word), v) = 256 * (odd * u + even * even input)
 * with u = odd input + 129 and v = 256 * (even input + 1) - u, which always fit 16 bits.
 * Accumulators are therefore 256 times too large; the generator proves |acc| < 2^23 and folds
 * the constants (129 for every odd weight, 1 for every even one) into the bias.
 * (2) SMMULR(acc << 1, mult) is the rounding doubling high multiplication. */
#ifndef EQ_GEMM_DSP_H
#define EQ_GEMM_DSP_H

#include "eq.h"

/* A matrix product over pixels that eq_widen3 widened, as eq_gemm3_s8_dsp reads it (offsets of
 * the fields matter). The weights are one stream, for every two channels c, d: bias c, d (int32,
 * 256 times, corrected), words of four weights c0 d0 c1 d1 ..., mult c, d (int32), then a word
 * whose bytes 0 and 1 are right shift - 1 of c and d. */
typedef struct {
    const int8_t *stream;
    int32_t words;  /* k / 4, rounded up */
    int32_t out_c;  /* even */
    int32_t zero2;  /* 2 * out_zero + 1 */
} eq_gemm_dsp_t;

/* Outputs of three pixels, all channels, at out, out + second and out + third; written from the
 * third to the first, so distance 0 drops a pixel. x: words groups of (u0 u1 u2 v0 v1 v2). */
void eq_gemm3_s8_dsp(const eq_gemm_dsp_t *p, const uint32_t *x, int8_t *out, int32_t second,
                     int32_t third);

/* A word at any address; these cores load it with one instruction. */
typedef struct {
    uint32_t word;
} __attribute__((packed, may_alias)) eq_unaligned_t;

static inline uint32_t eq_load4(const int8_t *p)
{
    return ((const eq_unaligned_t *)(const void *)p)->word;
}

/* The operand u of four inputs: odd ones + 129. `k129` holds 0x00810081. */
static inline uint32_t eq_wide_u(uint32_t bytes, uint32_t k129)
{
    uint32_t u;
    __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(u) : "r"(k129), "r"(bytes));
    return u;
}

/* The operand v: 256 * even + (127 - odd), by swapping bytes. */
static inline uint32_t eq_wide_v(uint32_t bytes)
{
    uint32_t v;
    __asm__("rev16 %0, %1" : "=r"(v) : "r"(bytes ^ 0x7F007F00u));
    return v;
}

/* Widens `words` words of three pixels; returns the end of what it wrote. */
static inline uint32_t *eq_widen3(const int8_t *x0, const int8_t *x1, const int8_t *x2,
                                  int32_t words, uint32_t *to)
{
    const uint32_t k129 = 0x00810081u;
    for (int32_t i = 0; i < words; i++) {
        const uint32_t a = eq_load4(x0), b = eq_load4(x1), c = eq_load4(x2);
        to[0] = eq_wide_u(a, k129);
        to[1] = eq_wide_u(b, k129);
        to[2] = eq_wide_u(c, k129);
        to[3] = eq_wide_v(a);
        to[4] = eq_wide_v(b);
        to[5] = eq_wide_v(c);
        x0 += 4;
        x1 += 4;
        x2 += 4;
        to += 6;
    }
    return to;
}

/* round(2 a b / 2^32), halves upwards. */
static inline int32_t eq_smmulr(int32_t a, int32_t b)
{
    int32_t r;
    __asm__("smmulr %0, %1, %2" : "=r"(r) : "r"(a), "r"(b));
    return r;
}

/* From twice the accumulator to int8: multiplier, right shift s + 1 half away from zero, zero
 * point (zero2 = 2 * zero + 1), saturation to [-128, 127]. */
static inline int32_t eq_finish_dsp(int32_t acc2, int32_t mult, int32_t s, int32_t zero2)
{
    int32_t x = eq_smmulr(acc2, mult);
    x += x >> 31;
    x = (x >> s) + zero2;
    __asm__("ssat %0, #8, %1, asr #1" : "=r"(x) : "r"(x));
    return x;
}

/* The clamp of an activation that is narrower than int8, which eq_finish_dsp leaves out. */
static inline void eq_clamp_dsp(int8_t *x, int32_t n, int32_t low, int32_t high)
{
    if (low > -128 || high < 127) {
        for (int32_t i = 0; i < n; i++) {
            const int32_t y = x[i];
            x[i] = (int8_t)(y < low ? low : (y > high ? high : y));
        }
    }
}

#endif
