/* eq_neon_conv.h - the convolution loop around a tile of 4 pixels. NEON.
 *
 * The including file defines first
 *     static void pixels(const eq_conv2d_s8_t *p, const int8_t *const x[4], int32_t k,
 *                        int8_t *const out[4]);
 * all channels of the four pixels x[i] (k inputs each, a multiple of 16) to out[i].
 *
 * No im2col: for one output column, the input columns under the kernel are copied once into a
 * strip of (rows, kw, in_c), in which the patch of every output row is contiguous.
 * Scratch: the strip plus 16 bytes; with vertical dilation 4 patches; for 1x1 one patch a pixel.
 */
#ifndef EQ_NEON_CONV_H
#define EQ_NEON_CONV_H

/* How the rows of a strip are cut: bytes of padding, of input, of padding. */
typedef struct {
    const int8_t *in;  /* first column inside, input row 0 */
    int32_t head, body, tail;
} eq_neon_cut_t;

static inline eq_neon_cut_t eq_neon_cut(const eq_conv2d_s8_t *p, const int8_t *in, int32_t ox)
{
    const int32_t c = p->in_c, x0 = ox * p->stride_w - p->pad_left;
    const int32_t left = x0 < 0 ? (-x0 < p->kw ? -x0 : p->kw) : 0;
    const int32_t end = p->in_w - x0 < p->kw ? p->in_w - x0 : p->kw;
    const int32_t right = end < left ? left : end;
    const eq_neon_cut_t cut = {
        in + (x0 + left) * c, left * c, (right - left) * c, (p->kw - right) * c,
    };
    return cut;
}

/* n rows of a strip, each `line` bytes further in the input. */
static inline int8_t *eq_neon_strip_rows(eq_neon_cut_t cut, int8_t pad, int32_t n, int32_t line,
                                         int8_t *dst)
{
    for (; n > 0; n--, cut.in += line) {
        eq_neon_fill(dst, pad, cut.head);
        eq_neon_copy(dst + cut.head, cut.in, cut.body);
        dst += cut.head + cut.body;
        eq_neon_fill(dst, pad, cut.tail);
        dst += cut.tail;
    }
    return dst;
}

/* The same for rows of at most 16 bytes without padding; all can be read 16 bytes wide. Each row
 * overwrites what the one before wrote too much. */
static inline int8_t *eq_neon_strip_narrow(eq_neon_cut_t cut, int32_t n, int32_t line, int8_t *dst)
{
    for (; n > 0; n--, cut.in += line, dst += cut.body) {
        vst1q_s8(dst, vld1q_s8(cut.in));
    }
    return dst;
}

/* The input columns under output column ox as (rows, kw, in_c), padded rows included; writes up to
 * 16 bytes more. No dilation. */
static void eq_neon_strip(const eq_conv2d_s8_t *p, const int8_t *in, int32_t ox, int8_t *dst)
{
    const int32_t row = p->kw * p->in_c, line = p->in_w * p->in_c;
    const int32_t rows = (p->out_h - 1) * p->stride_h + p->kh - p->pad_top;
    const int32_t inside = rows < p->in_h ? rows : p->in_h;
    eq_neon_cut_t cut = eq_neon_cut(p, in, ox);
    eq_neon_fill(dst, p->in_zero, p->pad_top * row);
    dst += p->pad_top * row;
    if (cut.body == row && row <= 16) {
        const int32_t wide = 16 / line + 1 < inside ? inside - 16 / line - 1 : 0;
        dst = eq_neon_strip_narrow(cut, wide, line, dst);
        cut.in += wide * line;
        dst = eq_neon_strip_rows(cut, p->in_zero, inside - wide, line, dst);
    } else {
        dst = eq_neon_strip_rows(cut, p->in_zero, inside, line, dst);
    }
    eq_neon_fill(dst, p->in_zero, (rows - inside) * row);
}

/* The patch of one output, tap by tap: any dilation. */
static void eq_neon_patch(const eq_conv2d_s8_t *p, const int8_t *in, int32_t oy, int32_t ox,
                          int8_t *dst)
{
    for (int32_t ky = 0; ky < p->kh; ky++) {
        const int32_t y = oy * p->stride_h - p->pad_top + ky * p->dil_h;
        for (int32_t kx = 0; kx < p->kw; kx++, dst += p->in_c) {
            const int32_t x = ox * p->stride_w - p->pad_left + kx * p->dil_w;
            if (y >= 0 && y < p->in_h && x >= 0 && x < p->in_w) {
                eq_neon_copy(dst, in + (y * p->in_w + x) * p->in_c, p->in_c);
            } else {
                eq_neon_fill(dst, p->in_zero, p->in_c);
            }
        }
    }
}

/* Any dilation: patches are gathered pixel by pixel. */
static void eq_neon_conv_dilated(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out,
                                 int8_t *scratch)
{
    const int32_t k = (p->kh * p->kw * p->in_c + 15) & ~15, total = p->out_h * p->out_w;
    for (int32_t px = 0; px < total; px += 4) {
        const int8_t *x[4];
        int8_t *y[4];
        for (int32_t i = 0; i < 4; i++) {
            const int32_t j = px + i < total ? px + i : total - 1;
            eq_neon_patch(p, in, j / p->out_w, j % p->out_w, scratch + i * k);
            x[i] = scratch + i * k;
            y[i] = out + j * p->out_c;
        }
        pixels(p, x, k, y);
    }
}

/* One output column: its patches lie in the strip, `step` bytes apart. */
static inline void eq_neon_column(const eq_conv2d_s8_t *p, const int8_t *strip, int32_t step,
                                  int32_t k, int8_t *out)
{
    const int32_t line = p->out_w * p->out_c;
    for (int32_t oy = 0; oy < p->out_h; oy += 4) {
        const int8_t *x[4];
        int8_t *y[4];
        for (int32_t i = 0; i < 4; i++) {
            x[i] = strip;
            y[i] = out;
            if (oy + i + 1 < p->out_h) {  /* else the last pixel once more */
                strip += step;
                out += line;
            }
        }
        pixels(p, x, k, y);
    }
}

/* 1x1 without padding: pixels are read where they lie; beyond in_c the weights are zero. */
static void eq_neon_conv_1x1(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out,
                                    int8_t *scratch)
{
    const int32_t c = p->in_c, k = (c + 15) & ~15, total = p->out_h * p->out_w;
    const int32_t right = p->stride_w * c;
    const int32_t down = (p->stride_h * p->in_w - p->out_w * p->stride_w) * c;
    const int8_t *const end = in + p->in_h * p->in_w * c;
    int32_t ox = 0;
    for (int32_t px = 0; px < total; px += 4) {
        const int8_t *x[4];
        int8_t *y[4];
        for (int32_t i = 0; i < 4; i++) {
            if (px + i >= total) {  /* nothing left: the last pixel once more */
                x[i] = x[i - 1];
                y[i] = y[i - 1];
                continue;
            }
            x[i] = in;
            y[i] = out;
            if (end - in < k) {
                x[i] = scratch + i * k;
                eq_neon_copy(scratch + i * k, in, c);
            }
            in += right;
            out += p->out_c;
            if (++ox == p->out_w) {
                ox = 0;
                in += down;
            }
        }
        pixels(p, x, k, y);
    }
}

static inline void eq_neon_conv(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out,
                                int8_t *scratch)
{
    const int32_t row = p->kw * p->in_c, k = (p->kh * row + 15) & ~15;
    if (p->kh == 1 && p->kw == 1 && p->pad_top == 0 && p->pad_left == 0
        && (p->out_h - 1) * p->stride_h < p->in_h && (p->out_w - 1) * p->stride_w < p->in_w) {
        eq_neon_conv_1x1(p, in, out, scratch);
    } else if (p->dil_h != 1 || p->dil_w != 1) {
        eq_neon_conv_dilated(p, in, out, scratch);
    } else {
        for (int32_t ox = 0; ox < p->out_w; ox++) {
            eq_neon_strip(p, in, ox, scratch);
            eq_neon_column(p, scratch, p->stride_h * row, k, out + ox * p->out_c);
        }
    }
}

#endif
