/* eq_neon_scale.h - requantization by one factor for all values, left shifts too. NEON. */
#ifndef EQ_NEON_SCALE_H
#define EQ_NEON_SCALE_H

#include "eq_neon.h"

/* A factor in all lanes: left shift, Q31 multiplier, right shift as a negative number. */
typedef struct {
    int32x4_t left, mult, right;
} eq_neon_scale_t;

static inline eq_neon_scale_t eq_neon_scale(int32_t mult, int32_t shift)
{
    const eq_neon_scale_t k = {
        vdupq_n_s32(shift > 0 ? shift : 0), vdupq_n_s32(mult), vdupq_n_s32(shift > 0 ? 0 : shift),
    };
    return k;
}

/* y shifted to the right, halves away from zero: see eq_neon_requant. */
static inline int32x4_t eq_neon_rounded(int32x4_t y, int32x4_t right)
{
    return vrshlq_s32(vsraq_n_s32(y, vandq_s32(y, right), 31), right);
}

/* eq_requant(x). */
static inline int32x4_t eq_neon_scaled(int32x4_t x, eq_neon_scale_t k)
{
    return eq_neon_rounded(vqrdmulhq_s32(vshlq_s32(x, k.left), k.mult), k.right);
}

/* 8 outputs of 32-bit values. */
static inline int8x8_t eq_neon_scaled8(int32x4_t lo, int32x4_t hi, eq_neon_scale_t k,
                                       eq_neon_range_t r)
{
    return eq_neon_finish(vcombine_s16(vqmovn_s32(eq_neon_scaled(lo, k)),
                                       vqmovn_s32(eq_neon_scaled(hi, k))), r);
}

#endif
