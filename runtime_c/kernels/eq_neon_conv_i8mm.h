/* eq_neon_conv_i8mm.h - tiles of a convolution with SMMLA. AArch64 NEON, int8 matrix
 * multiply. */
#ifndef EQ_NEON_CONV_I8MM_H
#define EQ_NEON_CONV_I8MM_H

/* 4 channels (weights v4..v7) of the pixels 0, 1 (v0, v1) and 2, 3 (v2, v3). */
#define EQ_TILE_CHANNELS(a, b, c, d) \
    "ld1 {v4.16b-v7.16b}, [%20], #64\n" \
    "smmla %" a ".4s, v0.16b, v4.16b\n" \
    "smmla %" b ".4s, v0.16b, v6.16b\n" \
    "smmla %" c ".4s, v2.16b, v4.16b\n" \
    "smmla %" d ".4s, v2.16b, v6.16b\n" \
    "smmla %" a ".4s, v1.16b, v5.16b\n" \
    "smmla %" b ".4s, v1.16b, v7.16b\n" \
    "smmla %" c ".4s, v3.16b, v5.16b\n" \
    "smmla %" d ".4s, v3.16b, v7.16b\n"

/* a[j]: bias + channels 2j, 2j + 1 of the pixels 0 and 1, a[8 + j] of the pixels 2 and 3; returns
 * what follows the weights. */
static inline const int8_t *tile(const int8_t *const x[4], const int8_t *w, int32_t k,
                                 int32x4_t a[16])
{
    const int8_t *x0 = x[0], *x1 = x[1], *x2 = x[2], *x3 = x[3];
    __asm__(
        "ldp %q2, %q3, [%20, #32]\n"
        "ldp %q4, %q5, [%20, #64]\n"
        "ldp %q6, %q7, [%20, #96]\n"
        "ldp %q8, %q9, [%20]\n"
        "ldp %q10, %q11, [%20, #32]\n"
        "ldp %q12, %q13, [%20, #64]\n"
        "ldp %q14, %q15, [%20, #96]\n"
        "ldp %q0, %q1, [%20], #128\n"
        "1:\n"
        "ldr q2, [%16], #16\n"
        "ldr q3, [%17], #16\n"
        "ldr q4, [%18], #16\n"
        "ldr q5, [%19], #16\n"
        "zip1 v0.2d, v2.2d, v3.2d\n"
        "zip2 v1.2d, v2.2d, v3.2d\n"
        "zip1 v2.2d, v4.2d, v5.2d\n"
        "zip2 v3.2d, v4.2d, v5.2d\n"
        EQ_TILE_CHANNELS("0", "1", "8", "9")
        EQ_TILE_CHANNELS("2", "3", "10", "11")
        EQ_TILE_CHANNELS("4", "5", "12", "13")
        EQ_TILE_CHANNELS("6", "7", "14", "15")
        "subs %w21, %w21, #16\n"
        "b.gt 1b\n"
        : "=&w"(a[0]), "=&w"(a[1]), "=&w"(a[2]), "=&w"(a[3]), "=&w"(a[4]), "=&w"(a[5]),
          "=&w"(a[6]), "=&w"(a[7]), "=&w"(a[8]), "=&w"(a[9]), "=&w"(a[10]), "=&w"(a[11]),
          "=&w"(a[12]), "=&w"(a[13]), "=&w"(a[14]), "=&w"(a[15]),
          "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(w), "+r"(k)
        :
        : "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "cc", "memory");
    return w;
}

/* 16 channels of two pixels out of their 2x2 blocks. */
static inline void two_pixels(const int32x4_t a[8], const int32_t *t, eq_neon_out16_t range,
                              int32_t plain, int8x16_t y[2])
{
    const int16x8_t c0 = eq_neon_requant8(a[0], a[1], t, t + 8, plain);
    const int16x8_t c4 = eq_neon_requant8(a[2], a[3], t + 16, t + 24, plain);
    const int16x8_t c8 = eq_neon_requant8(a[4], a[5], t + 32, t + 40, plain);
    const int16x8_t c12 = eq_neon_requant8(a[6], a[7], t + 48, t + 56, plain);
    const int16x8_t lo = vreinterpretq_s16_s8(eq_neon_finish16(c0, c4, range, plain));
    const int16x8_t hi = vreinterpretq_s16_s8(eq_neon_finish16(c8, c12, range, plain));
    y[0] = vreinterpretq_s8_s16(vuzp1q_s16(lo, hi));
    y[1] = vreinterpretq_s8_s16(vuzp2q_s16(lo, hi));
}

static inline const int8_t *block(const int8_t *const x[4], const int8_t *w, int32_t k,
                                  eq_neon_out16_t range, int32_t plain, int8x16_t y[4])
{
    int32x4_t a[16];
    w = tile(x, w, k, a);
    const int32_t *t = (const int32_t *)(const void *)w;
    two_pixels(a, t, range, plain, y);
    two_pixels(a + 8, t, range, plain, y + 2);
    return w + 256;
}

#include "eq_neon_block16.h"
#include "eq_neon_conv.h"

#endif
