/* eq_maxpool_s8_neon - maximum pooling, NEON: 16 channels a pass, 8 below that. */
#include "eq_neon.h"

#if defined(__ARM_NEON)

#include "eq_pool_window.h"

/* 16 channels from ch on; the clamp's lower end is where the maximum starts. */
static inline void sixteen(const eq_window_t *w, int32_t ch, int8x16_t low, int8x16_t high,
                           int8_t *out)
{
    const int8_t *line = w->first + ch;
    int8x16_t m = low;
    for (int32_t y = w->rows; y > 0; y--, line += w->row_step) {
        const int8_t *x = line;
        for (int32_t i = w->cols; i > 0; i--, x += w->c) {
            m = vmaxq_s8(m, vld1q_s8(x));
        }
    }
    vst1q_s8(out + ch, vminq_s8(m, high));
}

static inline void eight(const eq_window_t *w, int32_t ch, int8x8_t low, int8x8_t high, int8_t *out)
{
    const int8_t *line = w->first + ch;
    int8x8_t m = low;
    for (int32_t y = w->rows; y > 0; y--, line += w->row_step) {
        const int8_t *x = line;
        for (int32_t i = w->cols; i > 0; i--, x += w->c) {
            m = vmax_s8(m, vld1_s8(x));
        }
    }
    vst1_s8(out + ch, vmin_s8(m, high));
}

static void one(const eq_pool_s8_t *p, const eq_window_t *w, int32_t ch, int8_t *out)
{
    const int8_t *line = w->first + ch;
    int32_t m = p->act_min;
    for (int32_t y = w->rows; y > 0; y--, line += w->row_step) {
        const int8_t *x = line;
        for (int32_t i = w->cols; i > 0; i--, x += w->c) {
            m = *x > m ? *x : m;
        }
    }
    out[ch] = (int8_t)(m < p->act_max ? m : p->act_max);
}

/* All channels of one window; a last block may do a few channels twice, which changes nothing even
 * where they replaced the window's first pixel. */
static void pixel(const eq_pool_s8_t *p, const eq_window_t *w, int8_t *out)
{
    const int8x16_t low = vdupq_n_s8(p->act_min), high = vdupq_n_s8(p->act_max);
    int32_t ch = 0;
    for (; ch + 16 <= p->c; ch += 16) {
        sixteen(w, ch, low, high, out);
    }
    if (p->c - ch >= 8) {
        eight(w, ch, vget_low_s8(low), vget_low_s8(high), out);
        ch += 8;
    }
    if (ch < p->c && p->c >= 8) {
        eight(w, p->c - 8, vget_low_s8(low), vget_low_s8(high), out);
    } else {
        for (; ch < p->c; ch++) {
            one(p, w, ch, out);
        }
    }
}

void eq_maxpool_s8_neon(const eq_pool_s8_t *p, const int8_t *in, int8_t *out)
{
    for (int32_t oy = 0; oy < p->out_h; oy++) {
        for (int32_t ox = 0; ox < p->out_w; ox++, out += p->c) {
            const eq_window_t w = eq_pool_window(p, in, oy, ox);
            pixel(p, &w, out);
        }
    }
}

#endif
