/* eq_scale_dsp.h - eq_scale_m.h over SMMULR. Arm DSP ISA. */
#ifndef EQ_SCALE_DSP_H
#define EQ_SCALE_DSP_H

#include <stdint.h>

static inline int32_t high_mul2(int32_t a, int32_t b)
{
    int32_t r;
    __asm__("smmulr %0, %1, %2" : "=r"(r) : "r"(a), "r"(b));
    return r;
}

#include "eq_scale_m.h"

#endif
