/* eq_conv_patches.h - the patches of four output pixels, two pixels a word. Any ISA.
 *
 * For every k (in the order kh, kw, in_c) two words: pixel 0 + 65536 * pixel 1, pixel 2 + 65536 *
 * pixel 3. Whole kernel rows are widened at once where all four lie inside the input. */
#ifndef EQ_CONV_PATCHES_H
#define EQ_CONV_PATCHES_H

#include "eq_conv.h"

/* Where the next output pixel's upper left tap is; `in` and `padding` (in_c bytes) to read from. */
typedef struct {
    const eq_conv2d_s8_t *p;
    const int8_t *in;
    const int8_t *padding;
    int32_t y, x, out_x;
} eq_patches_t;

/* Widens n > 0 inputs of four pixels; returns the end of what it wrote. */
static inline uint32_t *eq_widen4(const int8_t *const from[4], int32_t n, uint32_t *to)
{
    const int8_t *x0 = from[0], *x1 = from[1], *x2 = from[2], *x3 = from[3];
    do {
        to[0] = (uint32_t)*x0++ + ((uint32_t)*x1++ << 16);
        to[1] = (uint32_t)*x2++ + ((uint32_t)*x3++ << 16);
        to += 2;
    } while (--n > 0);
    return to;
}

static inline const int8_t *eq_patch_tap(const eq_patches_t *m, int32_t y, int32_t x)
{
    const eq_conv2d_s8_t *p = m->p;
    const int inside = y >= 0 && y < p->in_h && x >= 0 && x < p->in_w;
    return inside ? m->in + (y * p->in_w + x) * p->in_c : m->padding;
}

/* The iterator at the first output pixel; fills `padding`. */
static inline eq_patches_t eq_patches_begin(const eq_conv2d_s8_t *p, const int8_t *in,
                                            int8_t *padding)
{
    const eq_patches_t m = {p, in, padding, -p->pad_top, -p->pad_left, 0};
    for (int32_t i = 0; i < p->in_c; i++) {
        padding[i] = p->in_zero;
    }
    return m;
}

/* Widens the next four patches (behind the last pixel: anything that may be read). */
static inline void eq_patches_next(eq_patches_t *m, uint32_t *to)
{
    const eq_conv2d_s8_t *p = m->p;
    int32_t y[4], x[4];
    for (int32_t i = 0; i < 4; i++) {
        y[i] = m->y;
        x[i] = m->x;
        m->x += p->stride_w;
        if (++m->out_x == p->out_w) {
            m->out_x = 0;
            m->x = -p->pad_left;
            m->y += p->stride_h;
        }
    }
    for (int32_t ky = 0; ky < p->kh; ky++) {
        const int32_t dy = ky * p->dil_h;
        int inner = p->dil_w == 1;
        for (int32_t i = 0; i < 4; i++) {
            const int32_t yi = y[i] + dy;
            inner = inner && yi >= 0 && yi < p->in_h && x[i] >= 0 && x[i] + p->kw <= p->in_w;
        }
        const int32_t n = inner ? p->kw * p->in_c : p->in_c;
        const int32_t taps = inner ? 1 : p->kw;
        for (int32_t kx = 0; kx < taps; kx++) {
            const int8_t *from[4];
            for (int32_t i = 0; i < 4; i++) {
                from[i] = eq_patch_tap(m, y[i] + dy, x[i] + kx * p->dil_w);
            }
            to = eq_widen4(from, n, to);
        }
    }
}

#endif
