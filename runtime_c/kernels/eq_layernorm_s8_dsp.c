/* eq_layernorm_s8_dsp - LayerNorm and RMSNorm: SMLAD for the sums, SMMULR for the products of high
 * words. Arm DSP ISA. */
#if defined(__ARM_FEATURE_DSP) && __ARM_ARCH_PROFILE == 'M'
#include "eq_dot4_dsp.h"

static inline int32_t eq_high_mul(int32_t a, int32_t b)
{
    return eq_smmulr(2 * a, b);
}

static inline void eq_sums(const int8_t *x, int32_t n, int32_t *sum, int32_t *squares)
{
    int32_t q = 0, i = 0;
    for (; i + 4 <= n; i += 4) {
        const uint32_t v = eq_load4(x + i);
        const int16x2_t even = __sxtb16((int8x4_t)v), odd = eq_odd_bytes(v);
        q = __smlad(even, even, q);
        q = __smlad(odd, odd, q);
    }
    for (; i < n; i++) {
        q += x[i] * x[i];
    }
    *sum = eq_sum(x, n);
    *squares = q;
}

#include "eq_layernorm_scalar.h"

void eq_layernorm_s8_dsp(const eq_layernorm_s8_t *p, const int8_t *in, int8_t *out)
{
    eq_layernorm_all(p, in, out);
}
#endif
