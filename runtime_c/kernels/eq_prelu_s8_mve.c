/* eq_prelu_s8_mve - PReLU with broadcast slopes, MVE: 4 values a pass, both sides by selection. */
#include "eq_elementwise.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_mve.h"

/* A factor in all lanes. */
typedef struct {
    int32x4_t mult, right;
    int32_t left;
} factor_t;

static factor_t factor(int32_t mult, int32_t shift)
{
    const factor_t k = {
        vdupq_n_s32(mult), vdupq_n_s32(shift > 0 ? 0 : shift), shift > 0 ? shift : 0,
    };
    return k;
}

typedef struct {
    factor_t pos, neg;
    int32_t a_zero, out_zero;
} sides_t;

/* 4 values x with the slopes `slope`, both without zero points. */
static inline int32x4_t four(const sides_t *k, int32x4_t x, int32x4_t slope)
{
    const mve_pred16_t negative = vcmpltq_n_s32(x, 0);
    const int32x4_t below = vshlq_r_s32(vmulq_s32(x, slope), k->neg.left);
    const int32x4_t acc = vpselq_s32(below, vshlq_r_s32(x, k->pos.left), negative);
    const int32x4_t mult = vpselq_s32(k->neg.mult, k->pos.mult, negative);
    const int32x4_t right = vpselq_s32(k->neg.right, k->pos.right, negative);
    const int32x4_t y = vaddq_n_s32(eq_mve_requant(acc, mult, right), k->out_zero);
    const int32x4_t low = vdupq_n_s32(INT8_MIN), high = vdupq_n_s32(INT8_MAX);
    return vminq_s32(vmaxq_s32(y, low), high);
}

static void pairs(const sides_t *k, const int8_t *a, const int8_t *b, int8_t *out, uint32_t n,
                  int32_t b_zero)
{
    for (uint32_t i = 0; i < n; i += 4) {
        const mve_pred16_t lanes = vctp32q(n - i);
        const int32x4_t x = vsubq_n_s32(vldrbq_z_s32(a + i, lanes), k->a_zero);
        const int32x4_t slope = vsubq_n_s32(vldrbq_z_s32(b + i, lanes), b_zero);
        vstrbq_p_s32(out + i, four(k, x, slope), lanes);
    }
}

static void run(const sides_t *k, const int8_t *a, int8_t *out, uint32_t n, int32_t slope)
{
    const int32x4_t slopes = vdupq_n_s32(slope);
    for (uint32_t i = 0; i < n; i += 4) {
        const mve_pred16_t lanes = vctp32q(n - i);
        const int32x4_t x = vsubq_n_s32(vldrbq_z_s32(a + i, lanes), k->a_zero);
        vstrbq_p_s32(out + i, four(k, x, slopes), lanes);
    }
}

void eq_prelu_s8_mve(const eq_prelu_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    const sides_t k = {
        factor(p->pos_mult, p->pos_shift), factor(p->neg_mult, p->neg_shift),
        p->a_zero, p->out_zero,
    };
    const uint32_t n = p->n, inner = p->inner;
    for (uint32_t outer = p->outer; outer > 0; outer--) {
        if (inner == 1) {
            pairs(&k, a, b, out, n, p->b_zero);
            a += n;
            out += n;
        }
        for (uint32_t i = 0; i < n && inner != 1; i++, a += inner, out += inner) {
            run(&k, a, out, inner, b[i] - p->b_zero);
        }
    }
}
#endif
