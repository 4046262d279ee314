/* eq_gemm_dsp.h - what the DSP convolutions share: operands, widening, requantization. Arm DSP ISA.
 *
 * Two tricks. (1) Four weights of a channel are one word of two halfwords 256 * odd + even, so the
 * word itself is an SMLAD operand and SXTB16 of it is the other one. With u = odd input + 129 and
 * v = 256 * even input + 127 - odd input, which always fit 16 bits:
 *     SMLAD(word, u) + SMLAD(SXTB16(word), v) = 256 * (odd * (input + 129) + even * (input + 1))
 * These sums are 256 times too large; the generator proves that they fit 32 bits nevertheless, and
 * takes the constants off the bias. (2) SMMULR(2 * acc, mult) is the rounding doubling multiply. */
#ifndef EQ_GEMM_DSP_H
#define EQ_GEMM_DSP_H

#include "eq.h"

/* A matrix product over pixels that eq_widen3 widened, as eq_gemm3_s8_dsp reads it (offsets of
 * the fields matter). The weights are one stream, for every two channels c, d: words of four
 * weights c0 d0 c1 d1 ..., twice the corrected bias c, d (int32), mult c, d (int32), then a word
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

/* The same for left shifts n <= 7 as well: the stream has 2^n times the bias, and a word of right
 * shifts of c and d, 7 - n of c and d. */
void eq_gemm3_left_s8_dsp(const eq_gemm_dsp_t *p, const uint32_t *x, int8_t *out, int32_t second,
                          int32_t third);

/* A word at any address; these cores load and store it with one instruction. */
typedef struct {
    uint32_t word;
} __attribute__((packed, may_alias)) eq_unaligned_t;

static inline uint32_t eq_load4(const int8_t *p)
{
    return ((const eq_unaligned_t *)(const void *)p)->word;
}

static inline void eq_store4(int8_t *p, uint32_t word)
{
    ((eq_unaligned_t *)(void *)p)->word = word;
}

/* Widens `words` > 0 words of three pixels (any alignment); returns the end of what it wrote. */
static inline uint32_t *eq_widen3(const int8_t *x0, const int8_t *x1, const int8_t *x2,
                                  int32_t words, uint32_t *to)
{
    __asm__ volatile(
        "1:\n\t"
        "ldr r8, [%[x0]], #4\n\t"
        "ldr r9, [%[x1]], #4\n\t"
        "ldr r10, [%[x2]], #4\n\t"
        "sxtab16 r4, %[k129], r8, ror #8\n\t" /* u */
        "sxtab16 r5, %[k129], r9, ror #8\n\t"
        "sxtab16 r6, %[k129], r10, ror #8\n\t"
        "eor r8, r8, #0x7F007F00\n\t" /* v */
        "eor r9, r9, #0x7F007F00\n\t"
        "eor r10, r10, #0x7F007F00\n\t"
        "rev16 r8, r8\n\t"
        "rev16 r9, r9\n\t"
        "rev16 r10, r10\n\t"
        "stmia %[to]!, {r4, r5, r6, r8, r9, r10}\n\t"
        "subs %[n], #1\n\t"
        "bne 1b"
        : [x0] "+r"(x0), [x1] "+r"(x1), [x2] "+r"(x2), [to] "+r"(to), [n] "+r"(words)
        : [k129] "r"(0x00810081u)
        : "r4", "r5", "r6", "r8", "r9", "r10", "cc", "memory");
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
