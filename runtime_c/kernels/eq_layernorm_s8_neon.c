/* eq_layernorm_s8_neon - LayerNorm and RMSNorm, NEON: eight values a step, the last of a row one by
 * one. */
#include "eq_norm.h"

#if defined(__ARM_NEON)
#include "eq_layernorm.h"
#include "eq_neon.h"

static eq_layernorm_row_t statistics(const eq_layernorm_s8_t *p, const int8_t *in)
{
    int32x4_t sums = vdupq_n_s32(0), squares = vdupq_n_s32(0);
    int32_t i = 0;
    for (; i + 8 <= p->c; i += 8) {
        const int8x8_t x = vld1_s8(in + i);
        sums = vpadalq_s16(sums, vmovl_s8(x));
        squares = vpadalq_s16(squares, vmull_s8(x, x));
    }
    const int32x4_t both = eq_neon_sums(sums, squares, sums, squares);
    int32_t sum = vgetq_lane_s32(both, 0), square = vgetq_lane_s32(both, 1);
    for (; i < p->c; i++) {
        sum += in[i];
        square += in[i] * in[i];
    }
    return eq_layernorm_row(p, sum, square);
}

/* Four values. */
static inline int16x4_t four(const eq_layernorm_s8_t *p, const eq_layernorm_row_t *row, int16x4_t x,
                             const int16_t *gamma, const int32_t *beta)
{
    const int32x4_t d = vmlaq_n_s32(vdupq_n_s32(row->offset), vmovl_s16(x), row->factor);
    const int32x4_t h = vqrdmulhq_n_s32(d, row->root), right = vdupq_n_s32(-row->right);
    const int32x4_t n = vrshlq_s32(vsraq_n_s32(h, vandq_s32(h, right), 31), right);
    const int32x4_t v = vmlaq_s32(vld1q_s32(beta), n, vmovl_s16(vld1_s16(gamma)));
    return eq_neon_requant(v, vdupq_n_s32(p->mult), vdupq_n_s32(p->shift));
}

static int8_t one(const eq_layernorm_s8_t *p, const eq_layernorm_row_t *row, int32_t x, int32_t i)
{
    const int32_t n = eq_requant(x * row->factor + row->offset, row->root, -row->right);
    const int32_t v = eq_requant(n * p->gamma[i] + p->beta[i], p->mult, p->shift);
    return (int8_t)eq_clamp(v + p->out_zero, INT8_MIN, INT8_MAX);
}

void eq_layernorm_s8_neon(const eq_layernorm_s8_t *p, const int8_t *in, int8_t *out)
{
    for (uint32_t r = 0; r < p->rows; r++, in += p->c, out += p->c) {
        const eq_layernorm_row_t row = statistics(p, in);
        int32_t i = 0;
        for (; i + 8 <= p->c; i += 8) {
            const int16x8_t x = vmovl_s8(vld1_s8(in + i));
            const int16x8_t y = vcombine_s16(
                four(p, &row, vget_low_s16(x), p->gamma + i, p->beta + i),
                four(p, &row, vget_high_s16(x), p->gamma + i + 4, p->beta + i + 4));
            vst1_s8(out + i, vqmovn_s16(vqaddq_s16(y, vdupq_n_s16(p->out_zero))));
        }
        for (; i < p->c; i++) {
            out[i] = one(p, &row, in[i], i);
        }
    }
}
#endif
