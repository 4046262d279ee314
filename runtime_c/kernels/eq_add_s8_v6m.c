/* eq_add_s8_v6m - addition of equal shapes without a long multiply: the narrow input's factor is
 * split into 20 and 11 bits, the sum's into halves. ARMv6-M. */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 6 && __ARM_ARCH_PROFILE == 'M'
#include "eq_gemm_v6m.h"
#include "eq_elementwise.h"

static inline void add_all(const eq_add_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out,
                           int shifted)
{
    const eq_clamp_v6m_t q = {2 * p->out_zero + 1, p->act_min, p->act_max};
    const eq_channel_v6m_t c = eq_channel_v6m(p->out_mult, -p->out_shift - 1);
    /* round(d << 20 * mult / 2^31) = (d * mult + 2^10) >> 11 with d in [-255, 255]; without a right
     * shift the factor is exactly 1/2: twice the value, then a shift by 1 */
    const int32_t up = p->b_shift == 0 ? 1 : 0;
    const int32_t right = p->b_shift == 0 ? 1 : -p->b_shift, half = 1 << (right - 1);
    const int32_t high = p->b_mult >> 11, low = p->b_mult & 2047;
    const int32_t a_zero = p->a_zero, b_zero = p->b_zero;
    for (uint32_t i = 0; i < p->n; i++) {
        const int32_t d = (b[i] - b_zero) * (1 << up);
        int32_t x = d * high + ((d * low + 1024) >> 11);
        x = ((x + (x >> 31) + half) >> right) + (a[i] - a_zero) * (1 << 19);
        out[i] = (int8_t)(shifted ? eq_finish_v6m(x, c, q) : eq_finish_unshifted_v6m(x, c, q));
    }
}

void eq_add_s8_v6m(const eq_add_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    if (p->out_shift < 0) {
        add_all(p, a, b, out, 1);
    } else {
        add_all(p, a, b, out, 0);
    }
}
#endif
