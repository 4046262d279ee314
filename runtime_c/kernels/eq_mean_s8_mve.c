/* eq_mean_s8_mve - mean or sum over the middle axis, MVE: 16 sums of 32 bits a pass. */
#include "eq_pool.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_mve.h"

static void store(const eq_mean_s8_t *p, int8_t *out, int32x4_t acc, mve_pred16_t lanes)
{
    const int32_t left = p->shift > 0 ? p->shift : 0, right = p->shift > 0 ? 0 : p->shift;
    const int32x4_t sum = vshlq_r_s32(vaddq_n_s32(acc, p->bias), left);
    const int32x4_t y = eq_mve_requant(sum, vdupq_n_s32(p->mult), vdupq_n_s32(right));
    const int32x4_t low = vdupq_n_s32(INT8_MIN), high = vdupq_n_s32(INT8_MAX);
    const int32x4_t moved = vaddq_n_s32(y, p->out_zero);
    vstrbq_p_s32(out, vminq_s32(vmaxq_s32(moved, low), high), lanes);
}

static void sixteen(const eq_mean_s8_t *p, const int8_t *x, int8_t *out)
{
    const mve_pred16_t all = (mve_pred16_t)0xffff;
    int32x4_t a = vdupq_n_s32(0), b = a, c = a, d = a;
    for (uint32_t j = 0; j < p->n; j++, x += p->inner) {
        a = vaddq_s32(a, vldrbq_s32(x));
        b = vaddq_s32(b, vldrbq_s32(x + 4));
        c = vaddq_s32(c, vldrbq_s32(x + 8));
        d = vaddq_s32(d, vldrbq_s32(x + 12));
    }
    store(p, out, a, all);
    store(p, out + 4, b, all);
    store(p, out + 8, c, all);
    store(p, out + 12, d, all);
}

/* Up to 4 columns. */
static void few(const eq_mean_s8_t *p, const int8_t *x, int8_t *out, mve_pred16_t lanes)
{
    int32x4_t a = vdupq_n_s32(0);
    for (uint32_t j = 0; j < p->n; j++, x += p->inner) {
        a = vaddq_s32(a, vldrbq_z_s32(x, lanes));
    }
    store(p, out, a, lanes);
}

/* inner == 1: the values lie together, and one instruction sums 16 of them. */
static void line(const eq_mean_s8_t *p, const int8_t *x, int8_t *out)
{
    int32_t sum = 0;
    for (uint32_t j = 0; j < p->n; j += 16) {
        sum = vaddvaq_s8(sum, vldrbq_z_s8(x + j, vctp8q(p->n - j)));
    }
    store(p, out, vdupq_n_s32(sum), vctp32q(1));
}

void eq_mean_s8_mve(const eq_mean_s8_t *p, const int8_t *restrict in, int8_t *restrict out)
{
    for (uint32_t o = 0; o < p->outer; o++, in += p->n * p->inner, out += p->inner) {
        uint32_t i = 0;
        if (p->inner == 1) {
            line(p, in, out);
            continue;
        }
        for (; i + 16 <= p->inner; i += 16) {
            sixteen(p, in + i, out + i);
        }
        for (; i < p->inner; i += 4) {
            few(p, in + i, out + i, vctp32q(p->inner - i));
        }
    }
}
#endif
