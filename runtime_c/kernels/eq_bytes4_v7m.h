/* eq_bytes4_v7m.h - maximum, minimum and sums of four int8 in a word without SIMD. ARMv7-M. */
#ifndef EQ_BYTES4_V7M_H
#define EQ_BYTES4_V7M_H

#include "eq_gemm_v7m.h"

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

/* 0xFF in every byte where a differs from b and is the larger one, or where both are equal; given
 * as the bits in which a differs there. Bit 7 of (a | 0x80) - (b & 0x7F) says whether the low 7
 * bits of a are not below b's; where the signs differ, a is larger if b is negative. */
static inline uint32_t eq_larger4(uint32_t a, uint32_t b)
{
    const uint32_t top = 0x80808080u, differ = a ^ b;
    const uint32_t not_below = (a | top) - (b & ~top);
    const uint32_t larger = ((not_below & ~differ) | (b & differ)) & top;
    return ((larger << 1) - (larger >> 7)) & differ;
}

static inline uint32_t eq_max4(uint32_t a, uint32_t b)
{
    return b ^ eq_larger4(a, b);
}

static inline uint32_t eq_min4(uint32_t a, uint32_t b)
{
    return a ^ eq_larger4(a, b);
}

/* Sums of bytes 0 and 2, 1 and 3, each 128 larger than it is, in 16 bits: of up to 256 values. */
typedef struct {
    uint32_t even, odd;
} eq_sums4_t;

static inline eq_sums4_t eq_add4(eq_sums4_t s, uint32_t x)
{
    const uint32_t y = x ^ 0x80808080u;
    s.even += y & 0x00FF00FFu;
    s.odd += (y >> 8) & 0x00FF00FFu;
    return s;
}

/* Adds them, of n values each, to four sums of 32 bits. */
static inline void eq_spill4(eq_sums4_t s, int32_t n, int32_t acc[4])
{
    acc[0] += (int32_t)(s.even & 0xFFFFu) - 128 * n;
    acc[1] += (int32_t)(s.odd & 0xFFFFu) - 128 * n;
    acc[2] += (int32_t)(s.even >> 16) - 128 * n;
    acc[3] += (int32_t)(s.odd >> 16) - 128 * n;
}

#include "eq_bytes4.h"

#endif
