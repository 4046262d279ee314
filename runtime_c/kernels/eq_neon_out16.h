/* eq_neon_out16.h - accumulators of 16 channels to int8 outputs. AArch64 NEON. */
#ifndef EQ_NEON_OUT16_H
#define EQ_NEON_OUT16_H

#include "eq_neon.h"

/* The output range of a layer, spread over lanes. */
typedef struct {
    int16x8_t zero;
    int8x16_t low, high;
} eq_neon_out16_t;

static inline eq_neon_out16_t eq_neon_out16(int8_t zero, int8_t low, int8_t high)
{
    const eq_neon_out16_t r = {vdupq_n_s16(zero), vdupq_n_s8(low), vdupq_n_s8(high)};
    return r;
}

/* Two vectors of accumulators to int16 outputs before the zero point; t and u hold 4 multipliers
 * and then 4 shifts, for a and for b. `plain` as in eq_neon_outputs8. */
static inline int16x8_t eq_neon_requant8(int32x4_t a, int32x4_t b, const int32_t *t,
                                         const int32_t *u, int32_t plain)
{
    const int32x4_t mult_a = vld1q_s32(t), mult_b = vld1q_s32(u);
    int32x4_t shift_a = vld1q_s32(t + 4), shift_b = vld1q_s32(u + 4);
    if (EQ_NEON_LEFT) {
        const int32x4_t none = vdupq_n_s32(0);
        a = vshlq_s32(a, vmaxq_s32(shift_a, none));
        b = vshlq_s32(b, vmaxq_s32(shift_b, none));
        shift_a = vminq_s32(shift_a, none);
        shift_b = vminq_s32(shift_b, none);
    }
    int32x4_t x = vqrdmulhq_s32(a, mult_a), y = vqrdmulhq_s32(b, mult_b);
    if (!plain) {
        x = vsraq_n_s32(x, vandq_s32(x, shift_a), 31);
        y = vsraq_n_s32(y, vandq_s32(y, shift_b), 31);
    }
    return vqmovn_high_s32(vqmovn_s32(vrshlq_s32(x, shift_a)), vrshlq_s32(y, shift_b));
}

/* 16 outputs to int8; where eq_neon_plain holds, unsigned saturation is zero point and clamp. */
static inline int8x16_t eq_neon_finish16(int16x8_t lo, int16x8_t hi, eq_neon_out16_t r,
                                         int32_t plain)
{
    if (plain) {
        const uint8x16_t y = vqmovun_high_s16(vqmovun_s16(lo), hi);
        return vreinterpretq_s8_u8(veorq_u8(y, vdupq_n_u8(128)));
    }
    const int8x16_t y = vqmovn_high_s16(vqmovn_s16(vqaddq_s16(lo, r.zero)),
                                        vqaddq_s16(hi, r.zero));
    return vminq_s8(vmaxq_s8(y, r.low), r.high);
}

#endif
