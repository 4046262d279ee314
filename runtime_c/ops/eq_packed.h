/* eq_packed.h - packed weights: their layout, and unpacking word by word. Any ISA.
 *
 * Levels are stored without sign: t = level + 8 (4 bits), level + 2 (2 bits), (level + 1) / 2 (1 bit).
 * A weight is t * f - z, with (f, z) = (m, 8 m), (m, 2 m), (2 m, m) for the factor m; t * f fits 8 bits.
 * A block: head bytes of tables; factors (runs, channels), filled up to a multiple of 4 bytes; levels;
 * tail bytes of tables. Levels come in units of a word (or a vector), in the order (runs, units,
 * channels); 8 / bits units share one, the first in the lowest bits of each byte. */
#ifndef EQ_PACKED_H
#define EQ_PACKED_H

#include "eq.h"

/* What packed weights begin with. */
typedef struct {
    uint8_t bits;      /* of a level */
    uint8_t channels;  /* of a block */
    uint8_t head, tail;  /* bytes of the tables before and behind the weights of a block */
    uint16_t runs;     /* factors of a row */
    uint16_t units;    /* pieces of 16 weights (vectors) or 4 (words) a run and channel */
    uint16_t block;    /* channels that are unpacked at a time, whole blocks of them */
    uint16_t spare[3];
} eq_packed_t;

static inline const eq_packed_t *eq_packed_of(const int8_t *weights)
{
    return (const eq_packed_t *)(const void *)weights;
}

static inline int32_t eq_packed_times(const eq_packed_t *h)
{
    return h->bits == 1 ? 2 : 1;
}

/* z / m */
static inline int32_t eq_packed_zero(const eq_packed_t *h)
{
    return h->bits == 4 ? 8 : h->bits;
}

/* Bytes of an unpacked block whose units have `unit` bytes. */
static inline int32_t eq_packed_record(const eq_packed_t *h, int32_t unit)
{
    return h->head + h->runs * h->units * h->channels * unit + h->tail;
}

/* Bytes of all factors of a block. */
static inline int32_t eq_packed_factors(const eq_packed_t *h)
{
    return (h->runs * h->channels + 3) & ~3;
}

/* Four unsigned bytes times f (each product fits 8 bits) less z (f and z from the factor), as int8. */
static inline uint32_t eq_unpack_bytes(uint32_t t, uint32_t f, uint32_t z)
{
    const uint32_t high = UINT32_C(0x80808080), product = t * f;
    return ((product | high) - z * UINT32_C(0x01010101)) ^ (~product & high);
}

static inline int8_t *eq_packed_copy(int8_t *to, const int8_t *from, int32_t n)
{
    for (; n > 0; n--) {
        *to++ = *from++;
    }
    return to;
}

/* The words of a block of 4-bit levels with an even number of channels; returns what follows them. */
static inline const uint32_t *eq_unpack_even_4(const eq_packed_t *h, const uint32_t *packed,
                                               const uint8_t *m, uint32_t *w,
                                               uint32_t (*join)(uint32_t, uint32_t, uint32_t))
{
    const uint32_t mask = UINT32_C(0x0F0F0F0F);
    for (int32_t r = 0; r < h->runs; r++, m += h->channels) {
        for (int32_t i = 0; i < h->units; i++) {
            for (int32_t c = 0; c < h->channels; c += 2, w += 2) {
                const uint32_t word = *packed++, first = m[c], second = m[c + 1];
                w[0] = join(word & mask, first, 8 * first);
                w[1] = join((word >> 4) & mask, second, 8 * second);
            }
        }
    }
    return packed;
}

/* One block of words to `to` (4-byte aligned); `join` makes four weights of levels. Returns what follows
 * the block. */
static inline const int8_t *eq_unpack_words(const eq_packed_t *h, const int8_t *from, int8_t *to,
                                            uint32_t (*join)(uint32_t t, uint32_t f, uint32_t z))
{
    const uint8_t *m = (const uint8_t *)from + h->head;
    const uint32_t *packed = (const uint32_t *)(const void *)(m + eq_packed_factors(h));
    const uint32_t bits = h->bits, mask = UINT32_C(0x01010101) * ((1u << bits) - 1u);
    const uint32_t times = (uint32_t)eq_packed_times(h), zero = (uint32_t)eq_packed_zero(h);
    uint32_t word = 0, used = 8;
    uint32_t *w = (uint32_t *)(void *)eq_packed_copy(to, from, h->head);
    if (bits == 4 && (h->channels & 1) == 0) {
        from = (const int8_t *)eq_unpack_even_4(h, packed, m, w, join);
        (void)eq_packed_copy((int8_t *)(w + h->runs * h->units * h->channels), from, h->tail);
        return from + h->tail;
    }
    for (int32_t r = 0; r < h->runs; r++, m += h->channels) {
        for (int32_t i = 0; i < h->units; i++) {
            for (int32_t c = 0; c < h->channels; c++) {
                if (used == 8) {
                    word = *packed++;
                    used = 0;
                }
                *w++ = join(word & mask, times * m[c], zero * m[c]);
                word >>= bits;
                used += bits;
            }
        }
    }
    from = (const int8_t *)packed;
    (void)eq_packed_copy((int8_t *)w, from, h->tail);
    return from + h->tail;
}

/* The next `block` channels, or those that are left, to `to`; `unit` bytes a unit. */
static inline const int8_t *eq_unpack_block(const eq_packed_t *h, const int8_t *from, int8_t *to,
                                            int32_t left,
                                            uint32_t (*join)(uint32_t, uint32_t, uint32_t))
{
    const int32_t record = eq_packed_record(h, 4), n = left < h->block ? left : h->block;
    for (int32_t c = 0; c < n; c += h->channels, to += record) {
        from = eq_unpack_words(h, from, to, join);
    }
    return from;
}

#endif
