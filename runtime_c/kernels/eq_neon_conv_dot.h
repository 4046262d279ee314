/* eq_neon_conv_dot.h - tiles of a convolution with SDOT. AArch64 NEON, dot product. */
#ifndef EQ_NEON_CONV_DOT_H
#define EQ_NEON_CONV_DOT_H

/* 4 channels x 4 k (weights u) of the pixels v0..v3. */
#define EQ_TILE_DOT(u, i, a, b, c, d) \
    "sdot %" a ".4s, " u ".16b, v0.4b[" i "]\n" \
    "sdot %" b ".4s, " u ".16b, v1.4b[" i "]\n" \
    "sdot %" c ".4s, " u ".16b, v2.4b[" i "]\n" \
    "sdot %" d ".4s, " u ".16b, v3.4b[" i "]\n"

/* 4 channels x 16 k. */
#define EQ_TILE_CHANNELS(a, b, c, d) \
    "ld1 {v4.16b-v7.16b}, [%20], #64\n" \
    EQ_TILE_DOT("v4", "0", a, b, c, d) \
    EQ_TILE_DOT("v5", "1", a, b, c, d) \
    EQ_TILE_DOT("v6", "2", a, b, c, d) \
    EQ_TILE_DOT("v7", "3", a, b, c, d)

/* a[4i + c] = bias + pixel x[i] times channels 4c .. 4c+3; returns what follows the weights. */
static inline const int8_t *tile(const int8_t *const x[4], const int8_t *w, int32_t k,
                                 int32x4_t a[16])
{
    const int8_t *x0 = x[0], *x1 = x[1], *x2 = x[2], *x3 = x[3];
    __asm__(
        "ldp %q2, %q3, [%20, #32]\n"
        "ldp %q4, %q5, [%20]\n"
        "ldp %q6, %q7, [%20, #32]\n"
        "ldp %q8, %q9, [%20]\n"
        "ldp %q10, %q11, [%20, #32]\n"
        "ldp %q12, %q13, [%20]\n"
        "ldp %q14, %q15, [%20, #32]\n"
        "ldp %q0, %q1, [%20], #64\n"
        "1:\n"
        "ldr q0, [%16], #16\n"
        "ldr q1, [%17], #16\n"
        "ldr q2, [%18], #16\n"
        "ldr q3, [%19], #16\n"
        EQ_TILE_CHANNELS("0", "4", "8", "12")
        EQ_TILE_CHANNELS("1", "5", "9", "13")
        EQ_TILE_CHANNELS("2", "6", "10", "14")
        EQ_TILE_CHANNELS("3", "7", "11", "15")
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

static inline const int8_t *block(const int8_t *const x[4], const int8_t *w, int32_t k,
                                  eq_neon_out16_t range, int32_t plain, int8x16_t y[4])
{
    int32x4_t a[16];
    w = tile(x, w, k, a);
    const int32_t *t = (const int32_t *)(const void *)w;
    for (int32_t i = 0; i < 4; i++) {
        const int32x4_t *b = a + 4 * i;
        y[i] = eq_neon_finish16(eq_neon_requant8(b[0], b[1], t, t + 8, plain),
                                eq_neon_requant8(b[2], b[3], t + 16, t + 24, plain), range, plain);
    }
    return w + 128;
}

#include "eq_neon_block16.h"
#include "eq_neon_conv.h"

#endif
