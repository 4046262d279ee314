/* eq_layernorm_s8_mve - LayerNorm and RMSNorm, MVE: VADDVA and VMLADAVA for the sums, then four
 * values a vector. Nothing is read behind a row. */
#include "eq_norm.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_layernorm.h"
#include "eq_mve.h"

static eq_layernorm_row_t statistics(const eq_layernorm_s8_t *p, const int8_t *in)
{
    int32_t sum = 0, squares = 0;
    for (int32_t i = 0; i < p->c; i += 16) {
        const int8x16_t x = vldrbq_z_s8(in + i, vctp8q((uint32_t)(p->c - i)));
        sum = vaddvaq_s8(sum, x);
        squares = vmladavaq_s8(squares, x, x);
    }
    return eq_layernorm_row(p, sum, squares);
}

void eq_layernorm_s8_mve(const eq_layernorm_s8_t *p, const int8_t *in, int8_t *out)
{
    const int32x4_t low = vdupq_n_s32(INT8_MIN), high = vdupq_n_s32(INT8_MAX);
    const int32x4_t mult = vdupq_n_s32(p->mult), shift = vdupq_n_s32(p->shift);
    for (uint32_t r = 0; r < p->rows; r++, in += p->c, out += p->c) {
        const eq_layernorm_row_t row = statistics(p, in);
        const int32x4_t root = vdupq_n_s32(row.root), right = vdupq_n_s32(-row.right);
        for (int32_t i = 0; i < p->c; i += 4) {
            const mve_pred16_t some = vctp32q((uint32_t)(p->c - i));
            const int32x4_t x = vldrbq_z_s32(in + i, some);
            const int32x4_t n = eq_mve_requant(
                vaddq_n_s32(vmulq_n_s32(x, row.factor), row.offset), root, right);
            const int32x4_t v = vaddq_s32(vmulq_s32(n, vldrhq_z_s32(p->gamma + i, some)),
                                          vldrwq_z_s32(p->beta + i, some));
            const int32x4_t y = vaddq_n_s32(eq_mve_requant(v, mult, shift), p->out_zero);
            vstrbq_p_s32(out + i, vmaxq_s32(vminq_s32(y, high), low), some);
        }
    }
}
#endif
