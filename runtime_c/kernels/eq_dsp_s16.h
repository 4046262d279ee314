/* eq_dsp_s16.h - products of 16-bit columns and int8 weights by SMLAD. Arm DSP ISA.
 *
 * A word of weights is (w0, w2, w1, w3): SXTB16 makes (w0, w1) of it, SXTB16 of the word rotated by 8
 * bits (w2, w3), which meet two words of inputs as they lie. Sums of 32 bits, which the generator
 * proves to be enough. */
#ifndef EQ_DSP_S16_H
#define EQ_DSP_S16_H

#include "eq_gemm_dsp.h"
#include "eq_m_s16.h"

static inline int32_t eq_smlad(uint32_t a, uint32_t b, int32_t acc)
{
    int32_t r;
    __asm__("smlad %0, %1, %2, %3" : "=r"(r) : "r"(a), "r"(b), "r"(acc));
    return r;
}

static inline uint32_t eq_sxtb16(uint32_t x)
{
    uint32_t r;
    __asm__("sxtb16 %0, %1" : "=r"(r) : "r"(x));
    return r;
}

static inline uint32_t eq_sxtb16_ror8(uint32_t x)
{
    uint32_t r;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(r) : "r"(x));
    return r;
}

/* Two values at any even address. */
static inline uint32_t eq_load2_s16(const int16_t *p)
{
    return eq_load4((const int8_t *)p);
}

/* Copies n values. */
static inline void eq_copy_s16(int16_t *to, const int16_t *from, int32_t n)
{
    for (; n >= 4; n -= 4, to += 4, from += 4) {
        const uint32_t a = eq_load2_s16(from), b = eq_load2_s16(from + 2);
        eq_store4((int8_t *)to, a);
        eq_store4((int8_t *)(to + 2), b);
    }
    for (; n > 0; n--) {
        *to++ = *from++;
    }
}

#endif
