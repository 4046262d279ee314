/* eq_avgpool_s8_neon - average pooling, NEON: 8 channels a pass, 255 pixels added in 16 bits before
 * they are widened, division by a reciprocal. */
#include "eq_pool.h"
#include "eq_neon.h"

#if defined(__ARM_NEON)

/* A window clipped to the input: `rows` rows of `cols` pixels, row_step values from row to row. */
typedef struct {
    const int8_t *first;
    int32_t rows, cols, c, row_step;
    uint32_t count, reciprocal;
} window_t;

typedef struct {
    int32x4_t lo, hi;
} acc8_t;

static inline acc8_t widen(acc8_t a, int16x8_t x)
{
    a.lo = vaddw_s16(a.lo, vget_low_s16(x));
    a.hi = vaddw_s16(a.hi, vget_high_s16(x));
    return a;
}

/* The sums of 8 channels, the first of which is at x. */
static acc8_t sums(const window_t *w, const int8_t *x)
{
    acc8_t acc = {vdupq_n_s32(0), vdupq_n_s32(0)};
    int16x8_t part = vdupq_n_s16(0);
    int32_t room = 255;
    for (int32_t y = 0; y < w->rows; y++, x += w->row_step) {
        const int8_t *px = x;
        for (int32_t left = w->cols; left > 0;) {
            const int32_t n = left < room ? left : room;
            for (int32_t i = n; i > 0; i--, px += w->c) {
                part = vaddw_s8(part, vld1_s8(px));
            }
            left -= n;
            room -= n;
            if (room == 0) {
                acc = widen(acc, part);
                part = vdupq_n_s16(0);
                room = 255;
            }
        }
    }
    return widen(acc, part);
}

/* n / count rounded down, see eq_avgpool_s8; the reciprocal is 0 where it would not be exact. */
static inline uint32_t divide(uint32_t n, const window_t *w)
{
    return w->reciprocal != 0 ? (uint32_t)(((uint64_t)n * w->reciprocal) >> 32) : n / w->count;
}

static inline uint32x4_t divide4(uint32x4_t n, const window_t *w)
{
    if (w->reciprocal != 0) {
        const uint32x2_t r = vdup_n_u32(w->reciprocal);
        return vcombine_u32(vshrn_n_u64(vmull_u32(vget_low_u32(n), r), 32),
                            vshrn_n_u64(vmull_u32(vget_high_u32(n), r), 32));
    }
    uint32_t t[4];
    vst1q_u32(t, n);
    for (int32_t i = 0; i < 4; i++) {
        t[i] /= w->count;
    }
    return vld1q_u32(t);
}

/* 4 means, halves away from zero. */
static inline int32x4_t mean4(int32x4_t acc, const window_t *w)
{
    const uint32x4_t size = vreinterpretq_u32_s32(vabsq_s32(acc));
    const uint32x4_t half = vdupq_n_u32(w->count / 2);
    const int32x4_t y = vreinterpretq_s32_u32(divide4(vaddq_u32(size, half), w));
    const int32x4_t sign = vshrq_n_s32(acc, 31);
    return vsubq_s32(veorq_s32(y, sign), sign);
}

static inline void eight(const window_t *w, int32_t ch, int8x8_t low, int8x8_t high, int8_t *out)
{
    const acc8_t acc = sums(w, w->first + ch);
    const int16x8_t y = vcombine_s16(vmovn_s32(mean4(acc.lo, w)), vmovn_s32(mean4(acc.hi, w)));
    vst1_s8(out + ch, vmin_s8(vmax_s8(vmovn_s16(y), low), high));
}

static void one(const eq_pool_s8_t *p, const window_t *w, int32_t ch, int8_t *out)
{
    int32_t acc = 0;
    const int8_t *line = w->first + ch;
    for (int32_t y = 0; y < w->rows; y++, line += w->row_step) {
        const int8_t *x = line;
        for (int32_t i = 0; i < w->cols; i++, x += w->c) {
            acc += *x;
        }
    }
    const uint32_t half = w->count / 2;
    const int32_t y = acc > 0 ? (int32_t)divide((uint32_t)acc + half, w)
                              : -(int32_t)divide((uint32_t)-acc + half, w);
    out[ch] = (int8_t)(y < p->act_min ? p->act_min : y > p->act_max ? p->act_max : y);
}

static window_t clip(const eq_pool_s8_t *p, const int8_t *in, int32_t y0, int32_t x0)
{
    const int32_t top = y0 > 0 ? y0 : 0, left = x0 > 0 ? x0 : 0;
    const int32_t bottom = y0 + p->kh < p->in_h ? y0 + p->kh : p->in_h;
    const int32_t right = x0 + p->kw < p->in_w ? x0 + p->kw : p->in_w;
    window_t w = {
        in + (top * p->in_w + left) * p->c, bottom - top, right - left, p->c, p->in_w * p->c, 0, 0,
    };
    w.count = (uint32_t)(w.rows * w.cols);
    w.reciprocal = w.count > 1 && w.count <= 5770 ? UINT32_MAX / w.count + 1 : 0;
    if (w.cols == p->in_w) {  /* whole rows lie in one line */
        w.cols *= w.rows;
        w.rows = 1;
    }
    return w;
}

void eq_avgpool_s8_neon(const eq_pool_s8_t *p, const int8_t *in, int8_t *out)
{
    const int8x8_t low = vdup_n_s8(p->act_min), high = vdup_n_s8(p->act_max);
    for (int32_t oy = 0; oy < p->out_h; oy++) {
        for (int32_t ox = 0; ox < p->out_w; ox++, out += p->c) {
            const window_t w = clip(p, in, oy * p->stride_h - p->pad_top,
                                    ox * p->stride_w - p->pad_left);
            if (p->c < 8) {
                for (int32_t ch = 0; ch < p->c; ch++) {
                    one(p, &w, ch, out);
                }
                continue;
            }
            int32_t ch = 0;
            for (; ch + 8 < p->c; ch += 8) {
                eight(&w, ch, low, high, out);
            }
            eight(&w, p->c - 8, low, high, out);  /* may do a few channels twice */
        }
    }
}

#endif
