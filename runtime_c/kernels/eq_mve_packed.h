/* eq_mve_packed.h - unpacking of blocks of vectors (eq_packed.h) to the records of eq_mve_gemm.h. MVE. */
#ifndef EQ_MVE_PACKED_H
#define EQ_MVE_PACKED_H

#include "eq_mve.h"
#include "eq_packed.h"

/* Two channels from one vector of 4-bit levels, the first in its lower halves. */
static inline void eq_mve_unpack_pair(uint8x16_t v, const uint8_t *m, uint8_t *to)
{
    const uint8x16_t low = vmulq_n_u8(vandq_u8(v, vdupq_n_u8(15)), m[0]);
    const uint8x16_t high = vmulq_n_u8(vshrq_n_u8(v, 4), m[1]);
    vst1q_u8(to, vsubq_n_u8(low, (uint8_t)(8 * m[0])));
    vst1q_u8(to + 16, vsubq_n_u8(high, (uint8_t)(8 * m[1])));
}

/* All units of 4-bit levels of a block of four channels; returns what follows them. */
static inline const int8_t *eq_mve_unpack_4(const eq_packed_t *h, const int8_t *packed,
                                            const uint8_t *m, int8_t *to)
{
    for (int32_t r = 0; r < h->runs; r++, m += 4) {
        for (int32_t i = 0; i < h->units; i++, packed += 32, to += 64) {
            const uint8_t *v = (const uint8_t *)packed;
            eq_mve_unpack_pair(vld1q_u8(v), m, (uint8_t *)to);
            eq_mve_unpack_pair(vld1q_u8(v + 16), m + 2, (uint8_t *)to + 32);
        }
    }
    return packed;
}

/* One block to `to`; returns what follows it. */
static inline const int8_t *eq_mve_unpack(const eq_packed_t *h, const int8_t *from, int8_t *to)
{
    const uint8_t *m = (const uint8_t *)from;
    const int8_t *packed = from + eq_packed_factors(h);
    const int32_t bits = h->bits, times = eq_packed_times(h), zero = eq_packed_zero(h);
    const uint8x16_t mask = vdupq_n_u8((uint8_t)((1 << bits) - 1));
    uint8x16_t v = mask;
    int32_t used = 8;
    if (bits == 4) {
        packed = eq_mve_unpack_4(h, packed, m, to);
        eq_mve_copy(to + 64 * h->runs * h->units, packed, h->tail);
        return packed + h->tail;
    }
    for (int32_t r = 0; r < h->runs; r++, m += h->channels) {
        for (int32_t i = 0; i < h->units; i++) {
            for (int32_t c = 0; c < h->channels; c++, to += 16) {
                if (used == 8) {
                    v = vld1q_u8((const uint8_t *)packed);
                    packed += 16;
                    used = 0;
                }
                const uint8x16_t t = vmulq_n_u8(vandq_u8(v, mask), (uint8_t)(times * m[c]));
                vst1q_u8((uint8_t *)to, vsubq_n_u8(t, (uint8_t)(zero * m[c])));
                v = vshlq_r_u8(v, -bits);
                used += bits;
            }
        }
    }
    eq_mve_copy(to, packed, h->tail);
    return packed + h->tail;
}

/* The next `block` channels, or those that are left. */
static inline const int8_t *eq_mve_unpack_block(const eq_packed_t *h, const int8_t *from, int8_t *to,
                                                int32_t left)
{
    const int32_t record = eq_packed_record(h, 16), n = left < h->block ? left : h->block;
    for (int32_t c = 0; c < n; c += h->channels, to += record) {
        from = eq_mve_unpack(h, from, to);
    }
    return from;
}

#endif
