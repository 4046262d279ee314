/* eq_prelu_s8_v7m - PReLU with broadcast slopes with SMULL and SSAT. ARMv7-M. */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 7 && __ARM_ARCH_PROFILE == 'M'
#include "eq_scale_v7m.h"

#include "eq_prelu_rows.h"

void eq_prelu_s8_v7m(const eq_prelu_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    eq_prelu_rows(p, a, b, out);
}
#endif
