/* eq_matmul_s8_dsp - product of two activations: one row against four columns. Arm DSP ISA. */
#if defined(__ARM_FEATURE_DSP) && __ARM_ARCH_PROFILE == 'M'
#include "eq_dot4_dsp.h"
#include "eq_matmul.h"

void eq_matmul_s8_dsp(const eq_matmul_s8_t *p, const int8_t *restrict a, const int8_t *restrict b,
                      int8_t *restrict out, void *restrict scratch)
{
    eq_matmul_all(p, a, b, out, scratch);
}
#endif
