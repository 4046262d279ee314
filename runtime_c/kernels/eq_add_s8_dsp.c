/* eq_add_s8_dsp - addition of equal shapes with SMMULR, 16 instructions a value. Arm DSP ISA. */
#if defined(__ARM_FEATURE_DSP) && __ARM_ARCH_PROFILE == 'M'
#include "eq_gemm_dsp.h"

static inline int32_t high_mul2(int32_t a, int32_t b)
{
    return eq_smmulr(a, b);
}

static inline int8_t saturate(int32_t x)
{
    __asm__("ssat %0, #8, %1, asr #1" : "=r"(x) : "r"(x));
    return (int8_t)x;
}

#include "eq_add_m.h"

void eq_add_s8_dsp(const eq_add_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    eq_add_all(p, a, b, out);
    eq_clamp_dsp(out, (int32_t)p->n, p->act_min, p->act_max);
}
#endif
