/* eq_bits.h - signs of activations as bits, and their products with weights of one bit. Any ISA.
 *
 * Where inputs are -d, 0 or d, 32 of them are a pair of words: `s` has a bit for what is negative, `v` one
 * for what is not 0. Value 4 * i + j of the 32 has bit 8 * j + i, so that four bytes are taken at once.
 * With w set where a weight is negative, their products sum up to popcount(v) - 2 * popcount((s ^ w) & v).
 * Padding is 0: it has no bit in v. */
#ifndef EQ_BITS_H
#define EQ_BITS_H

#include "eq.h"

/* Pairs of words for n values. */
static inline int32_t eq_bits_words(int32_t n)
{
    return (n + 31) >> 5;
}

/* 32 values as a pair. */
static inline void eq_bits_pair(uint32_t *to, const int8_t *x)
{
    const uint32_t high = UINT32_C(0x80808080), low = ~high;
    const uint8_t *b = (const uint8_t *)x, *end = b + 32;
    uint32_t s = 0, v = 0;
    for (; b != end; b += 4) {
        const uint32_t four = b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
        s = (s >> 1) | (four & high);
        v = (v >> 1) | ((((four & low) + low) | four) & high);
    }
    to[0] = s;
    to[1] = v;
}

/* n values as pairs; returns what follows them. */
static inline uint32_t *eq_bits_pack(uint32_t *to, const int8_t *x, int32_t n)
{
    for (; n >= 32; n -= 32, to += 2, x += 32) {
        eq_bits_pair(to, x);
    }
    if (n > 0) {
        int8_t rest[32] = {0};
        for (int32_t i = 0; i < n; i++) {
            rest[i] = x[i];
        }
        eq_bits_pair(to, rest);
        to += 2;
    }
    return to;
}

/* The bits of each half byte of v, counted. */
static inline uint32_t eq_bits_nibbles(uint32_t v)
{
    v -= (v >> 1) & UINT32_C(0x55555555);
    return (v & UINT32_C(0x33333333)) + ((v >> 2) & UINT32_C(0x33333333));
}

/* The sum of counts of at most 12 each in the half bytes of v. */
static inline int32_t eq_bits_total(uint32_t v)
{
    const uint32_t mask = UINT32_C(0x0F0F0F0F);
    return (int32_t)((((v & mask) + ((v >> 4) & mask)) * UINT32_C(0x01010101)) >> 24);
}

/* Values that are not 0 in n pairs. */
static inline int32_t eq_bits_values(const uint32_t *x, int32_t n)
{
    int32_t values = 0;
    for (; n > 0; n--, x += 2) {
        values += eq_bits_total(eq_bits_nibbles(x[1]));
    }
    return values;
}

/* Negative products of three pairs of x with three words w: a full adder leaves two words to count. */
static inline int32_t eq_bits_three(const uint32_t *x, const uint32_t *w)
{
    const uint32_t a = (x[0] ^ w[0]) & x[1], b = (x[2] ^ w[1]) & x[3], c = (x[4] ^ w[2]) & x[5];
    const uint32_t half = a ^ b, carry = (a & b) | (half & c);
    return eq_bits_total(eq_bits_nibbles(half ^ c) + 2 * eq_bits_nibbles(carry));
}

/* The accumulator without bias: `row` is d * |w| and n words of weights; `values` those of the pairs. */
static inline int32_t eq_bits_sum(const uint32_t *x, int32_t values, const uint32_t *row, int32_t n)
{
    const uint32_t *w = row + 1;
    int32_t negative = 0;
    for (; n >= 3; n -= 3, x += 6, w += 3) {
        negative += eq_bits_three(x, w);
    }
    for (; n > 0; n--, x += 2, w++) {
        negative += eq_bits_total(eq_bits_nibbles((x[0] ^ w[0]) & x[1]));
    }
    return (int32_t)row[0] * (values - 2 * negative);
}

#endif
