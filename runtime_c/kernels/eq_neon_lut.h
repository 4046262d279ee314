/* eq_neon_lut.h - a table of 256 read with TBL and TBX, which leave a lane as it is where its index
 * is outside the part of the table at hand. AArch64 NEON; on ARMv7-A the table would fill all
 * registers, so it is read value by value. */
#ifndef EQ_NEON_LUT_H
#define EQ_NEON_LUT_H

#include "eq_neon.h"

#if defined(__aarch64__)

/* The whole table in half of the registers. */
typedef struct {
    int8x16x4_t part[4];
} eq_neon_lut_t;

static inline eq_neon_lut_t eq_neon_lut(const int8_t *table)
{
    const eq_neon_lut_t t = {{
        vld1q_s8_x4(table), vld1q_s8_x4(table + 64), vld1q_s8_x4(table + 128),
        vld1q_s8_x4(table + 192),
    }};
    return t;
}

static inline int8x16_t eq_neon_look_up(const eq_neon_lut_t *t, int8x16_t x)
{
    const uint8x16_t i = vreinterpretq_u8_s8(x), step = vdupq_n_u8(64);
    const uint8x16_t i1 = vsubq_u8(i, step), i2 = vsubq_u8(i1, step), i3 = vsubq_u8(i2, step);
    int8x16_t y = vqtbl4q_s8(t->part[0], i);
    y = vqtbx4q_s8(y, t->part[1], i1);
    y = vqtbx4q_s8(y, t->part[2], i2);
    return vqtbx4q_s8(y, t->part[3], i3);
}

#endif

/* n values; `out` may be `in`. */
static inline void eq_neon_map(const int8_t *table, const int8_t *in, int32_t n, int8_t *out)
{
#if defined(__aarch64__)
    if (n >= 16) {
        const eq_neon_lut_t t = eq_neon_lut(table);
        for (; n >= 16; n -= 16, in += 16, out += 16) {
            vst1q_s8(out, eq_neon_look_up(&t, vld1q_s8(in)));
        }
    }
#endif
    for (; n >= 8; n -= 8, in += 8, out += 8) {
        const int8_t a = table[(uint8_t)in[0]], b = table[(uint8_t)in[1]];
        const int8_t c = table[(uint8_t)in[2]], d = table[(uint8_t)in[3]];
        const int8_t e = table[(uint8_t)in[4]], f = table[(uint8_t)in[5]];
        const int8_t g = table[(uint8_t)in[6]], h = table[(uint8_t)in[7]];
        out[0] = a;
        out[1] = b;
        out[2] = c;
        out[3] = d;
        out[4] = e;
        out[5] = f;
        out[6] = g;
        out[7] = h;
    }
    for (; n > 0; n--) {
        *out++ = table[(uint8_t)*in++];
    }
}

#endif
