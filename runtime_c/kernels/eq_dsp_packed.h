/* eq_dsp_packed.h - the words of eq_gemm_dsp.h from packed levels (eq_packed.h). Arm DSP ISA.
 *
 * Two levels in a halfword, times f, are less than 65536, so one product makes both halves of a word;
 * SSUB16 takes 257 z off each, which leaves 256 * odd + even. */
#ifndef EQ_DSP_PACKED_H
#define EQ_DSP_PACKED_H

#include "eq_gemm_dsp.h"
#include "eq_packed.h"

static inline uint32_t eq_unpack_halves(uint32_t t, uint32_t f, uint32_t z)
{
    uint32_t r;
    __asm__("ssub16 %0, %1, %2" : "=r"(r) : "r"(t * f), "r"(z * UINT32_C(0x01010101)));
    return r;
}

#endif
