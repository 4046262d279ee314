/* eq_dense_s16_v6m - dense layer with 16-bit activations: 2 channels a load, sums of 32 bits. ARMv6-M. */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 6 && __ARM_ARCH_PROFILE == 'M'
#include "eq_dot2_v6m.h"
#include "eq_dense_m_s16.h"

void eq_dense_s16_v6m(const eq_dense_s16_t *p, const int16_t *restrict in, int16_t *restrict out,
                      void *restrict scratch)
{
    (void)scratch;
    eq_dense_m_s16(p, in, out);
}
#endif
