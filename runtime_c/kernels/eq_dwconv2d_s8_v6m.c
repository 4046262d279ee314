/* eq_dwconv2d_s8_v6m - depthwise convolution of any window, four outputs a tap. ARMv6-M.
 *
 * Weights: (out_c, kh, kw); shift holds right shift - 1. `out` may be `in`. */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 6 && __ARM_ARCH_PROFILE == 'M'
#include "eq_gemm_v6m.h"
#include "eq_conv.h"

static inline int32_t finish(const eq_dwconv2d_s8_t *p, int32_t oc, int32_t acc)
{
    const eq_clamp_v6m_t q = {2 * p->out_zero + 1, p->act_min, p->act_max};
    return eq_finish_v6m(acc, eq_channel_v6m(p->mult[oc], p->shift[oc]), q);
}

#include "eq_dw_rows.h"

void eq_dwconv2d_s8_v6m(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch)
{
    eq_dw_all(p, in, out, scratch);
}
#endif
