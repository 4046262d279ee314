/* eq_neon_tile.h - dot products of EQ_PX pixels with 4 channels, 16 k a step, in assembly because
 * compilers spill accumulators there. NEON: SMULL + SMLAL add two products in 16 bits
 * (weights >= -127), SADALP widens. */
#ifndef EQ_NEON_TILE_H
#define EQ_NEON_TILE_H

#include "eq_neon.h"

#if defined(__aarch64__)

enum { EQ_PX = 4 };

/* One channel u of four pixels v0..v3; `add` is saddlp for the first step, then sadalp. */
#define EQ_TILE_CHANNEL(add, u, a, b, c, d) \
    "smull v8.8h, v0.8b, " u ".8b\n" \
    "smull v9.8h, v1.8b, " u ".8b\n" \
    "smull v10.8h, v2.8b, " u ".8b\n" \
    "smull v11.8h, v3.8b, " u ".8b\n" \
    "smlal2 v8.8h, v0.16b, " u ".16b\n" \
    "smlal2 v9.8h, v1.16b, " u ".16b\n" \
    "smlal2 v10.8h, v2.16b, " u ".16b\n" \
    "smlal2 v11.8h, v3.16b, " u ".16b\n" \
    add " %" a ".4s, v8.8h\n" \
    add " %" b ".4s, v9.8h\n" \
    add " %" c ".4s, v10.8h\n" \
    add " %" d ".4s, v11.8h\n"

/* 16 k; accumulator 4 * pixel + channel. */
#define EQ_TILE_STEP(add) \
    "ldr q0, [%16], #16\n" \
    "ldr q1, [%17], #16\n" \
    "ldr q2, [%18], #16\n" \
    "ldr q3, [%19], #16\n" \
    "ld1 {v4.16b-v7.16b}, [%20], #64\n" \
    EQ_TILE_CHANNEL(add, "v4", "0", "4", "8", "12") \
    EQ_TILE_CHANNEL(add, "v5", "1", "5", "9", "13") \
    EQ_TILE_CHANNEL(add, "v6", "2", "6", "10", "14") \
    EQ_TILE_CHANNEL(add, "v7", "3", "7", "11", "15")

/* sums[i] = dot products of pixel x[i] with the 4 channels in w; k is a multiple of 16. */
static inline void eq_neon_tile(const int8_t *const *x, const int8_t *w, int32_t k,
                                int32x4_t sums[EQ_PX])
{
    const int8_t *x0 = x[0], *x1 = x[1], *x2 = x[2], *x3 = x[3];
    int32x4_t a[16];
    __asm__(
        EQ_TILE_STEP("saddlp")
        "subs %w21, %w21, #16\n"
        "b.le 2f\n"
        "1:\n"
        EQ_TILE_STEP("sadalp")
        "subs %w21, %w21, #16\n"
        "b.gt 1b\n"
        "2:\n"
        : "=&w"(a[0]), "=&w"(a[1]), "=&w"(a[2]), "=&w"(a[3]), "=&w"(a[4]), "=&w"(a[5]),
          "=&w"(a[6]), "=&w"(a[7]), "=&w"(a[8]), "=&w"(a[9]), "=&w"(a[10]), "=&w"(a[11]),
          "=&w"(a[12]), "=&w"(a[13]), "=&w"(a[14]), "=&w"(a[15]),
          "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(w), "+r"(k)
        :
        : "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "cc", "memory");
    for (int32_t i = 0; i < EQ_PX; i++) {
        sums[i] = eq_neon_sums(a[4 * i], a[4 * i + 1], a[4 * i + 2], a[4 * i + 3]);
    }
}

#else

enum { EQ_PX = 2 };  /* ARMv7-A has half as many registers */

/* Two pixels q0, q1 with one channel, halves `lo` and `hi`. */
#define EQ_TILE_CHANNEL(add, lo, hi, a, b) \
    "vmull.s8 q4, d0, " lo "\n" \
    "vmull.s8 q5, d2, " lo "\n" \
    "vmlal.s8 q4, d1, " hi "\n" \
    "vmlal.s8 q5, d3, " hi "\n" \
    add " %q" a ", q4\n" \
    add " %q" b ", q5\n"

/* 16 k; accumulator 4 * pixel + channel. */
#define EQ_TILE_STEP(add) \
    "vld1.8 {d0-d1}, [%8]!\n" \
    "vld1.8 {d2-d3}, [%9]!\n" \
    "vld1.8 {d4-d7}, [%10]!\n" \
    EQ_TILE_CHANNEL(add, "d4", "d5", "0", "4") \
    EQ_TILE_CHANNEL(add, "d6", "d7", "1", "5") \
    "vld1.8 {d4-d7}, [%10]!\n" \
    EQ_TILE_CHANNEL(add, "d4", "d5", "2", "6") \
    EQ_TILE_CHANNEL(add, "d6", "d7", "3", "7")

/* sums[i] = dot products of pixel x[i] with the 4 channels in w; k is a multiple of 16. */
static inline void eq_neon_tile(const int8_t *const *x, const int8_t *w, int32_t k,
                                int32x4_t sums[EQ_PX])
{
    const int8_t *x0 = x[0], *x1 = x[1];
    int32x4_t a[8];
    __asm__(
        EQ_TILE_STEP("vpaddl.s16")
        "subs %11, %11, #16\n"
        "ble 2f\n"
        "1:\n"
        EQ_TILE_STEP("vpadal.s16")
        "subs %11, %11, #16\n"
        "bgt 1b\n"
        "2:\n"
        : "=&w"(a[0]), "=&w"(a[1]), "=&w"(a[2]), "=&w"(a[3]), "=&w"(a[4]), "=&w"(a[5]),
          "=&w"(a[6]), "=&w"(a[7]), "+r"(x0), "+r"(x1), "+r"(w), "+r"(k)
        :
        : "q0", "q1", "q2", "q3", "q4", "q5", "cc", "memory");
    for (int32_t i = 0; i < EQ_PX; i++) {
        sums[i] = eq_neon_sums(a[4 * i], a[4 * i + 1], a[4 * i + 2], a[4 * i + 3]);
    }
}

#endif

#endif
