/* eq_avgpool_s8_mve - average pooling, MVE: 16 sums of 32 bits a pass, division by a reciprocal. */
#include "eq_pool.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_mve.h"
#include "eq_pool_window.h"

enum { EXACT = 5770 }; /* 129 * count^2 < 2^32: floor(n / count) = n * reciprocal >> 32 */

/* acc / count, halves away from zero. */
static int32x4_t divide(int32x4_t acc, int32_t count)
{
    const int32x4_t sign = vshrq_n_s32(acc, 31);
    const uint32x4_t n = vaddq_n_u32(vreinterpretq_u32_s32(vabsq_s32(acc)), (uint32_t)count / 2u);
    uint32x4_t q = n;
    if (count > 1 && count <= EXACT) {
        q = vmulhq_u32(n, vdupq_n_u32(UINT32_MAX / (uint32_t)count + 1u));
    } else if (count > 1) {
        uint32_t lane[4];
        vstrwq_u32(lane, n);
        for (int32_t i = 0; i < 4; i++) {
            lane[i] /= (uint32_t)count;
        }
        q = vldrwq_u32(lane);
    }
    return vsubq_s32(veorq_s32(vreinterpretq_s32_u32(q), sign), sign);
}

static void store(const eq_pool_s8_t *p, int8_t *out, int32x4_t acc, int32_t count,
                  mve_pred16_t lanes)
{
    const int32x4_t low = vdupq_n_s32(p->act_min), high = vdupq_n_s32(p->act_max);
    vstrbq_p_s32(out, vminq_s32(vmaxq_s32(divide(acc, count), low), high), lanes);
}

/* Channels ch to ch + 15 of one window. */
static void sixteen(const eq_pool_s8_t *p, const eq_window_t *w, int32_t ch, int8_t *out)
{
    int32x4_t a = vdupq_n_s32(0), b = a, c = a, d = a;
    const int8_t *row = w->first + ch;
    for (int32_t y = 0; y < w->rows; y++, row += p->in_w * p->c) {
        const int8_t *x = row;
        for (int32_t i = 0; i < w->cols; i++, x += p->c) {
            a = vaddq_s32(a, vldrbq_s32(x));
            b = vaddq_s32(b, vldrbq_s32(x + 4));
            c = vaddq_s32(c, vldrbq_s32(x + 8));
            d = vaddq_s32(d, vldrbq_s32(x + 12));
        }
    }
    const mve_pred16_t all = (mve_pred16_t)0xffff;
    const int32_t count = w->rows * w->cols;
    store(p, out + ch, a, count, all);
    store(p, out + ch + 4, b, count, all);
    store(p, out + ch + 8, c, count, all);
    store(p, out + ch + 12, d, count, all);
}

/* Up to 4 channels from ch. */
static void few(const eq_pool_s8_t *p, const eq_window_t *w, int32_t ch, int8_t *out)
{
    const mve_pred16_t lanes = vctp32q((uint32_t)(p->c - ch));
    int32x4_t a = vdupq_n_s32(0);
    const int8_t *row = w->first + ch;
    for (int32_t y = 0; y < w->rows; y++, row += p->in_w * p->c) {
        const int8_t *x = row;
        for (int32_t i = 0; i < w->cols; i++, x += p->c) {
            a = vaddq_s32(a, vldrbq_z_s32(x, lanes));
        }
    }
    store(p, out + ch, a, w->rows * w->cols, lanes);
}

void eq_avgpool_s8_mve(const eq_pool_s8_t *p, const int8_t *in, int8_t *out)
{
    for (int32_t oy = 0; oy < p->out_h; oy++) {
        for (int32_t ox = 0; ox < p->out_w; ox++, out += p->c) {
            const eq_window_t w = eq_pool_window(p, in, oy, ox);
            int32_t ch = 0;
            for (; ch + 16 <= p->c; ch += 16) {
                sixteen(p, &w, ch, out);
            }
            for (; ch < p->c; ch += 4) {
                few(p, &w, ch, out);
            }
        }
    }
}
#endif
