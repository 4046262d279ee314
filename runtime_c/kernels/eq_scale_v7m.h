/* eq_scale_v7m.h - eq_scale_m.h over SMULL. ARMv7-M. */
#ifndef EQ_SCALE_V7M_H
#define EQ_SCALE_V7M_H

#include <stdint.h>

static inline int32_t high_mul2(int32_t a, int32_t b)
{
    const int64_t product = (int64_t)a * b;
    return (int32_t)(product >> 32) + (int32_t)((uint32_t)product >> 31);
}

#include "eq_scale_m.h"

#endif
