/* eq_dense_s8_v6m - dense layer, shift holds right shift - 1: see eq_dense_v6m.h. ARMv6-M. */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 6 && __ARM_ARCH_PROFILE == 'M'
#include "eq_gemm_v6m.h"
#include "eq_ops.h"

static inline int32_t finish(const eq_dense_s8_t *p, int32_t oc, int32_t acc, eq_clamp_v6m_t q)
{
    return eq_finish_v6m(acc, eq_channel_v6m(p->mult[oc], p->shift[oc]), q);
}

#include "eq_dense_v6m.h"

void eq_dense_s8_v6m(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                     void *restrict scratch)
{
    (void)scratch;
    eq_dense_v6m(p, in, out);
}
#endif
