/* eq_softmax_s8_mve - softmax over rows, MVE: 4 exponentials a gather from the table. */
#include "eq_norm.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_mve.h"
#include "eq_softmax_scale.h"

static int32_t largest(const int8_t *x, uint32_t n)
{
    int8_t max = INT8_MIN;
    for (uint32_t i = 0; i < n; i += 16) {
        const mve_pred16_t lanes = vctp8q(n - i);
        max = vmaxvq_p_s8(max, vldrbq_z_s8(x + i, lanes), lanes);
    }
    return max;
}

/* exp[max - x] of 4 values, 0 from `count` on and outside `lanes`. */
static inline uint32x4_t exponentials(const int32_t *exp, int32_t count, int32x4_t max,
                                      const int8_t *x, mve_pred16_t lanes)
{
    const uint32x4_t d = vreinterpretq_u32_s32(vsubq_s32(max, vldrbq_z_s32(x, lanes)));
    const mve_pred16_t some = vcmpltq_m_n_s32(vreinterpretq_s32_u32(d), count, lanes);
    return vreinterpretq_u32_s32(vldrwq_gather_shifted_offset_z_s32(exp, d, some));
}

static void softmax_row(const eq_softmax_s8_t *p, const int8_t *in, int8_t *out)
{
    const int32_t *exp = p->exp;
    const uint32_t c = p->c;
    const int32x4_t max = vdupq_n_s32(largest(in, c)), high = vdupq_n_s32(INT8_MAX);
    uint32_t sum = 0;
    for (uint32_t i = 0; i < c; i += 4) {
        const uint32x4_t e = exponentials(exp, p->n_exp, max, in + i, vctp32q(c - i));
        sum = vaddvaq_u32(sum, vrshrq_n_u32(e, 12));
    }
    const eq_softmax_scale_t k = eq_softmax_scale(sum, __builtin_clz(sum));
    const int32_t count = k.shift == 0 ? 0 : p->n_exp, right = -k.shift;
    for (uint32_t i = 0; i < c; i += 4) {
        const mve_pred16_t lanes = vctp32q(c - i);
        const int32x4_t e =
            vreinterpretq_s32_u32(exponentials(exp, count, max, in + i, lanes));
        const int32x4_t y = vrshlq_n_s32(vqrdmulhq_n_s32(e, k.scale), right);
        vstrbq_p_s32(out + i, vminq_s32(vsubq_n_s32(y, 128), high), lanes);
    }
}

void eq_softmax_s8_mve(const eq_softmax_s8_t *p, const int8_t *in, int8_t *out)
{
    for (uint32_t r = 0; r < p->rows; r++, in += p->c, out += p->c) {
        softmax_row(p, in, out);
    }
}
#endif
