/* eq_dense_s8_v6m - dense layer, four channels at a time. ARMv6-M.
 *
 * Weights: (out_c, in_c); shift holds right shift - 1. */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 6 && __ARM_ARCH_PROFILE == 'M'
#include "eq_dense_v6m.h"
#include "eq_gemm_v6m.h"
#include "eq_dense.h"

void eq_dense_s8_v6m(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                     void *restrict scratch)
{
    const int32_t in_c = p->in_c, out_c = p->out_c;
    const eq_clamp_v6m_t q = {2 * p->out_zero + 1, p->act_min, p->act_max};
    (void)scratch;
    for (int32_t row = 0; row < p->rows; row++, in += in_c) {
        for (int32_t oc = 0; oc < out_c; oc += 4) {
            const int32_t n = out_c - oc < 4 ? out_c - oc : 4;
            const int8_t *rows[4];
            int32_t sums[4];
            for (int32_t i = 0; i < 4; i++) {
                rows[i] = p->weights + (oc + (i < n ? i : 0)) * in_c;
            }
            dot4(in, rows, in_c, sums);
            for (int32_t i = 0; i < n; i++) {
                const eq_channel_v6m_t c = eq_channel_v6m(p->mult[oc + i], p->shift[oc + i]);
                *out++ = (int8_t)eq_finish_v6m(sums[i] + p->bias[oc + i], c, q);
            }
        }
    }
}
#endif
