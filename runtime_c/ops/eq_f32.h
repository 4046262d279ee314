/* eq_f32.h - what layers in float32 share: no fused multiply-add, and the way back to integers.
 * Needs an FPU; only files called eq_*_f32.c include it. */
#ifndef EQ_F32_H
#define EQ_F32_H

#include "eq_conv.h"

/* A product and a sum that are fused round once instead of twice, and differ from other machines. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

#if defined(__FAST_MATH__)
#error "-ffast-math reorders sums: compile this file without it"
#endif

/* acc + x * w, two roundings. */
static inline float eq_add_f32(float acc, int32_t x, float w)
{
    const float product = (float)x * w;
    return acc + product;
}

/* The output for a sum of output steps: clamped, rounded half away from zero. */
static inline int32_t eq_steps_f32(const eq_window_f32_t *p, float acc)
{
    const float low = (float)p->low, high = (float)p->high;
    const float y = acc < low ? low : acc > high ? high : acc;
    return p->out_zero + (int32_t)(y < 0.0f ? y - 0.5f : y + 0.5f);
}

#endif
