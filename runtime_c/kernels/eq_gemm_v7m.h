/* eq_gemm_v7m.h - what the Cortex-M3 kernels share: operands, widening, requantization. ARMv7-M.
 *
 * Trick: two pixels a multiplication. A word holds pixel a in its low and pixel b in its high half
 * (a + 65536 * b); its products with two weights and 0x8000 sum up to t, whose upper half is
 * exactly b's sum, as a's sum lies within 16 bits (generator: |w0| + |w1| <= 255). The sum of all t
 * less 65536 times b's total is a's total. 11 instructions make 8 MACs. */
#ifndef EQ_GEMM_V7M_H
#define EQ_GEMM_V7M_H

#include "eq.h"

/* A matrix product over the patches of eq_conv_patches.h, as eq_gemm4_s8_v7m reads it (offsets of
 * the fields matter). The weights are one stream, for every channel: bias (int32), weights filled
 * up with zeros to a multiple of 4, mult (int32), right shift - 1 (int32). */
typedef struct {
    const int8_t *stream;
    int32_t quads;  /* k / 4, rounded up */
    int32_t out_c;
    int32_t zero2;  /* 2 * out_zero + 1 */
} eq_gemm_v7m_t;

/* Outputs of four pixels, all channels, at out and at out + distance[0..2]; written from the
 * fourth to the first, so distance 0 drops a pixel. x: 2 words for every k, 4 * quads of them. */
void eq_gemm4_s8_v7m(const eq_gemm_v7m_t *p, const uint32_t *x, int8_t *out,
                     const int32_t distance[3]);

/* The same for any shift: the stream has right shift and left shift + 1 behind mult. */
void eq_gemm4_left_s8_v7m(const eq_gemm_v7m_t *p, const uint32_t *x, int8_t *out,
                          const int32_t distance[3]);

/* From accumulator to int8: multiplier, right shift s + 1 half away from zero, zero point
 * (zero2 = 2 * zero + 1), saturation to [-128, 127]; |acc| < 2^30. */
static inline int32_t eq_finish_v7m(int32_t acc, int32_t mult, int32_t s, int32_t zero2)
{
    const int64_t product = (int64_t)(acc * 2) * mult;
    int32_t x = (int32_t)(product >> 32) + (int32_t)((uint32_t)product >> 31);
    x += x >> 31;
    x = (x >> s) + zero2;
    __asm__("ssat %0, #8, %1, asr #1" : "=r"(x) : "r"(x));
    return x;
}

/* The same for TensorFlow Lite's shift, positive to the left; |acc * 2^shift| < 2^30. */
static inline int32_t eq_finish_left_v7m(int32_t acc, int32_t mult, int32_t shift, int32_t zero2)
{
    const int32_t left = shift > 0 ? shift : 0, right = shift > 0 ? 0 : -shift;
    const int64_t product = (int64_t)(int32_t)((uint32_t)acc << (left + 1)) * mult;
    int32_t x = (int32_t)(product >> 32) + (int32_t)((uint32_t)product >> 31);
    x = ((2 * x + (x >> 31)) >> right) + zero2;
    __asm__("ssat %0, #8, %1, asr #1" : "=r"(x) : "r"(x));
    return x;
}

/* The clamp of an activation that is narrower than int8. */
static inline void eq_clamp_v7m(int8_t *x, int32_t n, int32_t low, int32_t high)
{
    if (low > -128 || high < 127) {
        for (int32_t i = 0; i < n; i++) {
            const int32_t y = x[i];
            x[i] = (int8_t)(y < low ? low : (y > high ? high : y));
        }
    }
}

#endif
