/* eq_neon_conv.h - the convolution loop around a tile of 4 pixels. NEON.
 *
 * The including file defines first
 *     static inline void pixels(const eq_conv2d_s8_t *p, const int8_t *const x[4], int32_t k,
 *                               int8_t *const out[4]);
 * all channels of the four pixels x[i] (k inputs each, a multiple of 16) to out[i].
 *
 * No im2col: for one output column, the input columns under the kernel are copied once into a
 * strip of (rows, kw, in_c), in which the patch of every output row is contiguous; for the next
 * column it moves on where it can, which works in place, too. Where the output runs into the dying
 * input otherwise, bands of a few output rows are done one after the other.
 * Scratch: the strip plus 16 bytes; with dilation 4 patches; for 1x1 four pixels.
 */
#ifndef EQ_NEON_CONV_H
#define EQ_NEON_CONV_H

/* n pixels: their patches of k lie `step` bytes apart, their outputs `line`. Apart, because the
 * tile is large and inlined here. */
EQ_NEON_APART static void eq_neon_tiles(const eq_conv2d_s8_t *p, const int8_t *patch, int32_t step,
                                        int32_t k, int32_t n, int32_t line, int8_t *out)
{
    for (; n > 0; n -= 4) {
        const int8_t *x[4];
        int8_t *y[4];
        for (int32_t i = 0; i < 4; i++) {
            x[i] = patch;
            y[i] = out;
            if (i + 1 < n) {  /* else the last pixel once more */
                patch += step;
                out += line;
            }
        }
        pixels(p, x, k, y);
    }
}

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

/* Output rows oy to oy + n - 1: the first input row under them, how many; and how many of these are
 * padding above, how many exist. */
typedef struct {
    int32_t n, y, rows, above, inside;
} eq_neon_band_t;

static inline eq_neon_band_t eq_neon_band(const eq_conv2d_s8_t *p, int32_t oy, int32_t n)
{
    const int32_t y = oy * p->stride_h - p->pad_top, rows = (n - 1) * p->stride_h + p->kh;
    const int32_t above = y < 0 ? (-y < rows ? -y : rows) : 0;
    const int32_t most = p->in_h - y - above, inside = rows - above < most ? rows - above : most;
    const eq_neon_band_t b = {n, y, rows, above, inside > 0 ? inside : 0};
    return b;
}

/* The input columns under output column ox as (rows, kw, in_c), padded rows included; writes up to
 * 16 bytes more. No dilation. */
static void eq_neon_strip(const eq_conv2d_s8_t *p, const int8_t *in, const eq_neon_band_t *b,
                          int32_t ox, int8_t *dst)
{
    const int32_t row = p->kw * p->in_c, line = p->in_w * p->in_c;
    int32_t left = b->inside;
    eq_neon_cut_t cut = eq_neon_cut(p, in + (b->y + b->above) * line, ox);
    eq_neon_fill(dst, p->in_zero, b->above * row);
    dst += b->above * row;
    if (cut.body == row && row <= 16) {
        const int32_t end = p->in_h - b->y - b->above;  /* rows to the input's end */
        const int32_t most = end - 16 / line - 1, wide = most < left ? most : left;
        if (wide > 0) {
            dst = eq_neon_strip_narrow(cut, wide, line, dst);
            cut.in += wide * line;
            left -= wide;
        }
    }
    dst = eq_neon_strip_rows(cut, p->in_zero, left, line, dst);
    eq_neon_fill(dst, p->in_zero, (b->rows - b->above - b->inside) * row);
}

/* The strip of output column ox > 0 out of the one before: it moves on by a column. Stride 1, no
 * dilation, in_c a multiple of 16. */
static void eq_neon_strip_next(const eq_conv2d_s8_t *p, const int8_t *in, const eq_neon_band_t *b,
                               int32_t ox, int8_t *dst)
{
    const int32_t c = p->in_c, old = (p->kw - 1) * c, line = p->in_w * c;
    const int32_t x = ox - p->pad_left + p->kw - 1, inside = x < p->in_w;
    const int8_t *column = in + (b->y + b->above) * line + (inside ? x : 0) * c;
    dst += b->above * p->kw * c;
    for (int32_t n = b->inside; n > 0; n--, column += line) {
        for (int32_t i = 0; i < old; i += 16, dst += 16) {
            vst1q_s8(dst, vld1q_s8(dst + c));
        }
        for (int32_t i = 0; i < c; i += 16, dst += 16) {
            vst1q_s8(dst, inside ? vld1q_s8(column + i) : vdupq_n_s8(p->in_zero));
        }
    }
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
        const int32_t n = total - px < 4 ? total - px : 4;
        for (int32_t i = 0; i < n; i++) {
            const int32_t j = px + i;
            eq_neon_patch(p, in, j / p->out_w, j % p->out_w, scratch + i * k);
        }
        eq_neon_tiles(p, scratch, k, k, n, p->out_c, out + px * p->out_c);
    }
}

/* A band of output rows, column by column. */
static inline void eq_neon_conv_band(const eq_conv2d_s8_t *p, const int8_t *in,
                                     const eq_neon_band_t *b, int8_t *out, int8_t *scratch)
{
    const int32_t row = p->kw * p->in_c, k = (p->kh * row + 15) & ~15;
    const int32_t moves = p->stride_w == 1 && p->in_c % 16 == 0;
    for (int32_t ox = 0; ox < p->out_w; ox++, out += p->out_c) {
        if (ox > 0 && moves) {
            eq_neon_strip_next(p, in, b, ox, scratch);
        } else {
            eq_neon_strip(p, in, b, ox, scratch);
        }
        eq_neon_tiles(p, scratch, p->stride_h * row, k, b->n, p->out_w * p->out_c, out);
    }
}

/* 1x1 without padding: pixels are read where they lie, or copied where the output is `shared` with
 * the input, where they lie apart, and at the end; beyond in_c the weights are zero. */
static void eq_neon_conv_1x1(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out,
                             int32_t shared, int8_t *scratch)
{
    const int32_t c = p->in_c, k = (c + 15) & ~15, total = p->out_h * p->out_w;
    const int32_t right = p->stride_w * c;
    const int32_t down = (p->stride_h * p->in_w - p->out_w * p->stride_w) * c;
    const int32_t dense = right == c && down == 0;
    int32_t px = 0, ox = 0;
    if (dense && !shared) {
        px = k == c ? total : total > 16 ? (total - 16) & ~3 : 0;  /* can be read as far as k */
        eq_neon_tiles(p, in, c, k, px, p->out_c, out);
        in += px * c;
    }
    for (; px < total; px += 4) {
        const int32_t n = total - px < 4 ? total - px : 4;
        if (dense) {
            eq_neon_copy_long(scratch, in, n * c);
            in += n * c;
        } else {
            for (int32_t i = 0; i < n; i++) {
                eq_neon_copy(scratch + i * c, in, c);
                in += right;
                if (++ox == p->out_w) {
                    ox = 0;
                    in += down;
                }
            }
        }
        eq_neon_tiles(p, scratch, c, k, n, p->out_c, out + px * p->out_c);
    }
}

/* True where the planner let the output run into the dying input. */
static inline int32_t eq_neon_shared(const eq_conv2d_s8_t *p, const int8_t *in, const int8_t *out)
{
    const uintptr_t a = (uintptr_t)in, b = (uintptr_t)out;
    const uintptr_t n = (uintptr_t)p->in_h * p->in_w * p->in_c;
    const uintptr_t m = (uintptr_t)p->out_h * p->out_w * p->out_c;
    return a < b + m && b < a + n;
}

/* True where the planner may put the output exactly on the input: the Python file's _in_place. */
static inline int32_t eq_neon_in_place(const eq_conv2d_s8_t *p)
{
    return p->stride_h == 1 && p->stride_w == 1 && p->in_h == p->out_h && p->in_w == p->out_w
           && p->in_c == p->out_c && p->in_c % 16 == 0;
}

enum { EQ_NEON_BAND = 8 };  /* output rows; the Python file's BAND */

static inline void eq_neon_conv(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out,
                                int8_t *scratch)
{
    const int32_t shared = eq_neon_shared(p, in, out);
    if (p->kh == 1 && p->kw == 1 && p->pad_top == 0 && p->pad_left == 0
        && (p->out_h - 1) * p->stride_h < p->in_h && (p->out_w - 1) * p->stride_w < p->in_w) {
        eq_neon_conv_1x1(p, in, out, shared, scratch);
    } else if (p->dil_h != 1 || p->dil_w != 1) {
        eq_neon_conv_dilated(p, in, out, scratch);
    } else {
        const int32_t most = shared && !eq_neon_in_place(p) ? EQ_NEON_BAND : p->out_h;
        for (int32_t oy = 0; oy < p->out_h; oy += most) {
            const int32_t left = p->out_h - oy;
            const eq_neon_band_t b = eq_neon_band(p, oy, left < most ? left : most);
            eq_neon_conv_band(p, in, &b, out + oy * p->out_w * p->out_c, scratch);
        }
    }
}

#endif
