/* eq_dwconv2d_left_s8_v7m - depthwise convolution of any window, four outputs a tap. ARMv7-M.
 *
 * Weights: (out_c, kh, kw); any shift. `out` may be `in`. */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 7 && __ARM_ARCH_PROFILE == 'M'
#include "eq_gemm_v7m.h"
#include "eq_conv.h"

static inline int32_t finish(const eq_dwconv2d_s8_t *p, int32_t oc, int32_t acc)
{
    return eq_finish_left_v7m(acc, p->mult[oc], p->shift[oc], 2 * p->out_zero + 1);
}

#include "eq_dw_rows.h"

void eq_dwconv2d_left_s8_v7m(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                             void *scratch)
{
    eq_dw_all(p, in, out, scratch);
    eq_clamp_v7m(out, (int32_t)p->out_h * p->out_w * p->out_c, p->act_min, p->act_max);
}
#endif
