/* eq_add_s8_neon - addition of equal shapes, NEON: 16 values a pass, VQRDMULH and VRSHL requantize,
 * a multiply-add by 2^14 puts the wide input on top. */
#include "eq_elementwise.h"
#include "eq_neon.h"

#if defined(__ARM_NEON)

/* A multiplier and a right shift (as a negative number) in all lanes. */
typedef struct {
    int32x4_t mult, shift;
} factor_t;

typedef struct {
    factor_t b, out;
    int16x8_t a_zero, b_zero;  /* times 32, times 16 */
    eq_neon_range_t range;
} params_t;

static inline factor_t factor(int32_t mult, int32_t shift)
{
    const factor_t f = {vdupq_n_s32(mult), vdupq_n_s32(shift)};
    return f;
}

/* x * factor, halves away from zero: see eq_neon_requant. */
static inline int32x4_t scale(int32x4_t x, factor_t f)
{
    const int32x4_t y = vqrdmulhq_s32(x, f.mult);
    return vrshlq_s32(vsraq_n_s32(y, vandq_s32(y, f.shift), 31), f.shift);
}

/* 4 outputs before the zero point; a = 32 * (a - a_zero), b = 16 * (b - b_zero). */
static inline int16x4_t add4(int16x4_t a, int16x4_t b, const params_t *k, int32_t plain)
{
    const int32x4_t narrow = scale(vshll_n_s16(b, 16), k->b);
    const int32x4_t sum = vmlal_n_s16(narrow, a, 1 << 14);
    return plain ? eq_neon_requant_relu(sum, k->out.mult, k->out.shift)
                 : eq_neon_requant(sum, k->out.mult, k->out.shift);
}

static inline int8x8_t add8(int8x8_t a, int8x8_t b, const params_t *k, int32_t plain)
{
    const int16x8_t x = vsubq_s16(vshll_n_s8(a, 5), k->a_zero);
    const int16x8_t y = vsubq_s16(vshll_n_s8(b, 4), k->b_zero);
    const int16x8_t sum = vcombine_s16(add4(vget_low_s16(x), vget_low_s16(y), k, plain),
                                       add4(vget_high_s16(x), vget_high_s16(y), k, plain));
    return plain ? eq_neon_finish_plain(sum, k->range) : eq_neon_finish(sum, k->range);
}

static inline void add16(const params_t *k, const int8_t *a, const int8_t *b, int32_t plain,
                         int8_t *out)
{
    const int8x16_t x = vld1q_s8(a), y = vld1q_s8(b);
    vst1q_s8(out, vcombine_s8(add8(vget_low_s8(x), vget_low_s8(y), k, plain),
                              add8(vget_high_s8(x), vget_high_s8(y), k, plain)));
}

static inline void add(const params_t *params, const int8_t *a, const int8_t *b, uint32_t n,
                       int32_t plain, int8_t *out)
{
    const params_t k = *params;
    for (; n >= 16; n -= 16, a += 16, b += 16, out += 16) {
        add16(&k, a, b, plain, out);
    }
    if (n > 0) {
        int8_t x[16] = {0}, y[16] = {0};
        eq_neon_copy(x, a, (int32_t)n);
        eq_neon_copy(y, b, (int32_t)n);
        add16(&k, x, y, plain, x);
        eq_neon_copy(out, x, (int32_t)n);
    }
}

void eq_add_s8_neon(const eq_add_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    const params_t k = {
        factor(p->b_mult, p->b_shift), factor(p->out_mult, p->out_shift),
        vdupq_n_s16((int16_t)(p->a_zero * 32)), vdupq_n_s16((int16_t)(p->b_zero * 16)),
        eq_neon_range(p->out_zero, p->act_min, p->act_max),
    };
    if (eq_neon_plain(p->out_zero, p->act_min, p->act_max)) {
        add(&k, a, b, p->n, 1, out);
    } else {
        add(&k, a, b, p->n, 0, out);
    }
}

#endif
