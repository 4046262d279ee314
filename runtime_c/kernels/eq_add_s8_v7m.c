/* eq_add_s8_v7m - addition of equal shapes with SMULL, 20 instructions a value. ARMv7-M. */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 7 && __ARM_ARCH_PROFILE == 'M'
#include "eq_gemm_v7m.h"

static inline int32_t high_mul2(int32_t a, int32_t b)
{
    const int64_t product = (int64_t)a * b;
    return (int32_t)(product >> 32) + (int32_t)((uint32_t)product >> 31);
}

static inline int8_t saturate(int32_t x)
{
    __asm__("ssat %0, #8, %1, asr #1" : "=r"(x) : "r"(x));
    return (int8_t)x;
}

#include "eq_add_m.h"

void eq_add_s8_v7m(const eq_add_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    eq_add_all(p, a, b, out);
    eq_clamp_v7m(out, (int32_t)p->n, p->act_min, p->act_max);
}
#endif
