/* eq_prelu_s8_v6m - PReLU with broadcast slopes by 32-bit products. ARMv6-M. */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 6 && __ARM_ARCH_PROFILE == 'M'
#include "eq_scale_v6m.h"

#include "eq_prelu_rows.h"

void eq_prelu_s8_v6m(const eq_prelu_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    eq_prelu_rows(p, a, b, out);
}
#endif
