/* eq_addsub_s8_neon - sum or difference with a broadcast operand, NEON: 16 values a pass. */
#include "eq_elementwise.h"
#include "eq_neon_scale.h"

#if defined(__ARM_NEON)

/* An operand: its sign, zero point, multiplier and right shift. */
typedef struct {
    int32x4_t mult, right, sign;
    int8x8_t zero;
} term_t;

typedef struct {
    term_t a, b;
    eq_neon_scale_t out;
    eq_neon_range_t range;
} params_t;

static inline term_t term(int8_t zero, int32_t mult, int32_t shift, int32_t sign)
{
    const term_t k = {vdupq_n_s32(mult), vdupq_n_s32(shift), vdupq_n_s32(sign), vdup_n_s8(zero)};
    return k;
}

/* 4 values of an operand, times 16. */
static inline int32x4_t four(int16x4_t x, const term_t *k)
{
    return eq_neon_rounded(vqrdmulhq_s32(vshll_n_s16(x, 16), k->mult), k->right);
}

static inline int32x4_t sum(const params_t *k, int16x4_t a, int16x4_t b)
{
    return vmlaq_s32(vmulq_s32(four(a, &k->a), k->a.sign), four(b, &k->b), k->b.sign);
}

static inline int8x8_t eight(const params_t *k, int8x8_t a, int8x8_t b)
{
    const int16x8_t x = vshlq_n_s16(vsubl_s8(a, k->a.zero), 4);
    const int16x8_t y = vshlq_n_s16(vsubl_s8(b, k->b.zero), 4);
    return eq_neon_scaled8(sum(k, vget_low_s16(x), vget_low_s16(y)),
                           sum(k, vget_high_s16(x), vget_high_s16(y)), k->out, k->range);
}

static inline int8x16_t sixteen(const params_t *k, int8x16_t a, int8x16_t b)
{
    return vcombine_s8(eight(k, vget_low_s8(a), vget_low_s8(b)),
                       eight(k, vget_high_s8(a), vget_high_s8(b)));
}

#include "eq_neon_rows.h"

void eq_addsub_s8_neon(const eq_addsub_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    const params_t k = {
        term(p->a_zero, p->a_mult, p->a_shift, p->a_sign),
        term(p->b_zero, p->b_mult, p->b_shift, p->b_sign),
        eq_neon_scale(p->out_mult, p->out_shift),
        eq_neon_range(p->out_zero, p->act_min, p->act_max),
    };
    eq_neon_rows(&k, a, b, p->outer, p->n, p->inner, out);
}

#endif
