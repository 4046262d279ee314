/* eq_bytes4_dsp.h - maximum, minimum and sums of four int8 at once. Arm DSP ISA. */
#ifndef EQ_BYTES4_DSP_H
#define EQ_BYTES4_DSP_H

#include "eq_gemm_dsp.h"

/* SSUB8 sets a flag for each byte that is not below the other one, SEL chooses by it. */
static inline uint32_t eq_max4(uint32_t a, uint32_t b)
{
    uint32_t r;
    __asm__("ssub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(r) : "r"(a), "r"(b) : "cc");
    return r;
}

static inline uint32_t eq_min4(uint32_t a, uint32_t b)
{
    uint32_t r;
    __asm__("ssub8 %0, %1, %2\n\tsel %0, %2, %1" : "=&r"(r) : "r"(a), "r"(b) : "cc");
    return r;
}

/* Sums of bytes 0 and 2, 1 and 3, in 16 bits each: of up to 256 values. */
typedef struct {
    uint32_t even, odd;
} eq_sums4_t;

static inline eq_sums4_t eq_add4(eq_sums4_t s, uint32_t x)
{
    __asm__("sxtab16 %0, %0, %1" : "+r"(s.even) : "r"(x));
    __asm__("sxtab16 %0, %0, %1, ror #8" : "+r"(s.odd) : "r"(x));
    return s;
}

/* Adds them, of n values each, to four sums of 32 bits. */
static inline void eq_spill4(eq_sums4_t s, int32_t n, int32_t acc[4])
{
    (void)n;
    acc[0] += (int16_t)s.even;
    acc[1] += (int16_t)s.odd;
    acc[2] += (int32_t)s.even >> 16;
    acc[3] += (int32_t)s.odd >> 16;
}

#include "eq_bytes4.h"

#endif
