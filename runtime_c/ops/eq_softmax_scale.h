/* eq_softmax_scale.h - what a row of exponentials is multiplied by, portable C: Newton's reciprocal
 * in Q29. */
#ifndef EQ_SOFTMAX_SCALE_H
#define EQ_SOFTMAX_SCALE_H

#include "eq_requant.h"

/* An output is round(exponential * scale / 2^31), then / 2^shift, halves upwards; 0 for shift 0. */
typedef struct {
    int32_t scale;
    int32_t shift; /* 23 to 31, or 0 */
} eq_softmax_scale_t;

/* 1 / (1 + x) in Q31 for x in [0, 1) in Q31: three Newton steps in Q29 from 48/17 - 32/17 d. */
static inline int32_t eq_reciprocal_of_one_plus(int32_t x)
{
    const int32_t half_denominator = (int32_t)(((int64_t)x + ((int64_t)1 << 31)) / 2);
    int32_t y = 1515870810 + eq_doubling_high_mul(half_denominator, -1010580540);
    for (int32_t i = 0; i < 3; i++) {
        const int32_t rest = (1 << 29) - eq_doubling_high_mul(half_denominator, y);
        const int64_t step = (int64_t)eq_doubling_high_mul(y, rest) * 4;
        y += step > INT32_MAX ? INT32_MAX : step < INT32_MIN ? INT32_MIN : (int32_t)step;
    }
    return y > INT32_MAX / 2 ? INT32_MAX : y * 2;
}

/* sum: of the exponentials in Q19, at least 1.0; headroom: its leading zero bits. A sum of 512 or
 * more (a shift of 32 or 33) leaves no value that rounds up to 1/256. */
static inline eq_softmax_scale_t eq_softmax_scale(uint32_t sum, int32_t headroom)
{
    const int32_t fraction = (int32_t)((sum << headroom) - UINT32_C(0x80000000));
    const eq_softmax_scale_t k = {
        eq_reciprocal_of_one_plus(fraction), headroom < 4 ? 0 : 35 - headroom,
    };
    return k;
}

#endif
