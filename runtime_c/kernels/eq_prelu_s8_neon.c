/* eq_prelu_s8_neon - PReLU with broadcast slopes, NEON: both sides of 16 values, then a choice. */
#include "eq_elementwise.h"
#include "eq_neon_scale.h"

#if defined(__ARM_NEON)

typedef struct {
    int8x8_t a_zero, b_zero;
    eq_neon_scale_t pos, neg;
    eq_neon_range_t range;
} params_t;

static inline int16x4_t four(const params_t *k, int16x4_t x, int16x4_t slope)
{
    const int32x4_t wide = vmovl_s16(x);
    return vqmovn_s32(vbslq_s32(vcltq_s32(wide, vdupq_n_s32(0)),
                                eq_neon_scaled(vmull_s16(x, slope), k->neg),
                                eq_neon_scaled(wide, k->pos)));
}

static inline int8x8_t eight(const params_t *k, int8x8_t a, int8x8_t b)
{
    const int16x8_t x = vsubl_s8(a, k->a_zero), y = vsubl_s8(b, k->b_zero);
    return eq_neon_finish(vcombine_s16(four(k, vget_low_s16(x), vget_low_s16(y)),
                                       four(k, vget_high_s16(x), vget_high_s16(y))), k->range);
}

static inline int8x16_t sixteen(const params_t *k, int8x16_t a, int8x16_t b)
{
    return vcombine_s8(eight(k, vget_low_s8(a), vget_low_s8(b)),
                       eight(k, vget_high_s8(a), vget_high_s8(b)));
}

#include "eq_neon_rows.h"

void eq_prelu_s8_neon(const eq_prelu_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    const params_t k = {
        vdup_n_s8(p->a_zero), vdup_n_s8(p->b_zero), eq_neon_scale(p->pos_mult, p->pos_shift),
        eq_neon_scale(p->neg_mult, p->neg_shift), eq_neon_range(p->out_zero, -128, 127),
    };
    eq_neon_rows(&k, a, b, p->outer, p->n, p->inner, out);
}

#endif
