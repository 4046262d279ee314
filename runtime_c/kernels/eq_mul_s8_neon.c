/* eq_mul_s8_neon - product with a broadcast operand, NEON: 16 values a pass. */
#include "eq_elementwise.h"
#include "eq_neon_scale.h"

#if defined(__ARM_NEON)

typedef struct {
    int8x8_t a_zero, b_zero;
    eq_neon_scale_t scale;
    eq_neon_range_t range;
} params_t;

static inline int8x8_t eight(const params_t *k, int8x8_t a, int8x8_t b)
{
    const int16x8_t x = vsubl_s8(a, k->a_zero), y = vsubl_s8(b, k->b_zero);
    return eq_neon_scaled8(vmull_s16(vget_low_s16(x), vget_low_s16(y)),
                           vmull_s16(vget_high_s16(x), vget_high_s16(y)), k->scale, k->range);
}

static inline int8x16_t sixteen(const params_t *k, int8x16_t a, int8x16_t b)
{
    return vcombine_s8(eight(k, vget_low_s8(a), vget_low_s8(b)),
                       eight(k, vget_high_s8(a), vget_high_s8(b)));
}

#include "eq_neon_rows.h"

void eq_mul_s8_neon(const eq_mul_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    const params_t k = {
        vdup_n_s8(p->a_zero), vdup_n_s8(p->b_zero), eq_neon_scale(p->mult, p->shift),
        eq_neon_range(p->out_zero, p->act_min, p->act_max),
    };
    eq_neon_rows(&k, a, b, p->outer, p->n, p->inner, out);
}

#endif
