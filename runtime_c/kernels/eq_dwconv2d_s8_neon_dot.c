/* eq_dwconv2d_s8_neon_dot - 3x3 depthwise convolution, NEON with SDOT: input rows are kept zipped
 * in pairs, two pairs make words (row 0, 1, 2, 3) of a channel, so one SDOT does a kernel column of
 * 4 channels; the same words serve two output rows. Weights (c/8, kx, 8, 4), the fourth byte 0. */
#include "eq_conv.h"
#include "eq_neon.h"

#if defined(__ARM_FEATURE_DOTPROD)

/* One column of 8 channels: words of channels 0..3 and 4..7. */
typedef struct {
    int8x16_t lo, hi;
} col_t;

/* What 8 channels of a layer need: weights for the first and for the second output row. */
typedef struct {
    col_t w[3], v[3];
    eq_neon_params_t a, b;
    eq_neon_range_t range;
} block_t;

/* Where a layer's rows lie: distances of columns and rows, columns of the input that are used. */
typedef struct {
    int32_t c, line, in_h, top, body;
    int8_t zero[8];
} rows_t;

static inline int8x16_t zip(const int8_t *a, const int8_t *b)
{
    return vzip1q_s8(vcombine_s8(vld1_s8(a), vdup_n_s8(0)), vcombine_s8(vld1_s8(b), vdup_n_s8(0)));
}

/* n columns of the rows a and b, each `step` from the next. */
static inline void zip_rows(const int8_t *a, const int8_t *b, int32_t step, int32_t n, int8_t *dst)
{
    const int8_t *a1 = a + step, *b1 = b + step;
    int32_t at = 0;
    for (; n >= 2; n -= 2, at += 2 * step, dst += 32) {
        const int8x16_t x = zip(a + at, b + at), y = zip(a1 + at, b1 + at);
        vst1q_s8(dst, x);
        vst1q_s8(dst + 16, y);
    }
    if (n != 0) {
        vst1q_s8(dst, zip(a + at, b + at));
    }
}

/* The same where a or b may be outside the input. */
static void zip_border(const rows_t *r, const int8_t *in, int32_t y, int8_t *dst)
{
    const int32_t has_a = y >= 0 && y < r->in_h, has_b = y + 1 >= 0 && y + 1 < r->in_h;
    const int8_t *a = has_a ? in + y * r->line : r->zero;
    const int8_t *b = has_b ? in + (y + 1) * r->line : r->zero;
    for (int32_t i = 0; i < r->body; i++, dst += 16) {
        vst1q_s8(dst, zip(a, b));
        a += has_a ? r->c : 0;
        b += has_b ? r->c : 0;
    }
}

/* 8 channels of the input rows y and y + 1, zipped, to dst. */
static inline void load(const rows_t *r, const int8_t *in, int32_t y, int8_t *dst)
{
    if (y >= 0 && y + 1 < r->in_h) {
        zip_rows(in + y * r->line, in + (y + 1) * r->line, r->c, r->body, dst);
    } else {
        zip_border(r, in, y, dst);
    }
}

static inline col_t column(const int8_t *p0, const int8_t *p1)
{
    const int16x8_t a = vreinterpretq_s16_s8(vld1q_s8(p0)), b = vreinterpretq_s16_s8(vld1q_s8(p1));
    const col_t c = {
        vreinterpretq_s8_s16(vzip1q_s16(a, b)), vreinterpretq_s8_s16(vzip2q_s16(a, b)),
    };
    return c;
}

/* 8 channels of one output of three columns and the weights w. */
static inline void output(const block_t *k, const col_t *w, col_t c0, col_t c1, col_t c2,
                          int32_t plain, int8_t *out)
{
    int32x4_t lo = vdotq_s32(k->a.bias, c0.lo, w[0].lo);
    int32x4_t hi = vdotq_s32(k->b.bias, c0.hi, w[0].hi);
    lo = vdotq_s32(lo, c1.lo, w[1].lo);
    hi = vdotq_s32(hi, c1.hi, w[1].hi);
    lo = vdotq_s32(lo, c2.lo, w[2].lo);
    hi = vdotq_s32(hi, c2.hi, w[2].hi);
    vst1_s8(out, eq_neon_outputs8(lo, hi, k->a, k->b, k->range, plain));
}

/* n outputs in each of two rows; where there is one row only, y0 == y1 and the first one stays. */
static inline void two_rows(const block_t *k, const int8_t *p0, const int8_t *p1, int32_t n,
                            int32_t oc, int32_t plain, int8_t *y0, int8_t *y1)
{
    col_t c0 = column(p0, p1), c1 = column(p0 + 16, p1 + 16), c2;
    int32_t at = 0;
    for (;; p0 += 48, p1 += 48) {
        c2 = column(p0 + 32, p1 + 32);
        output(k, k->v, c0, c1, c2, plain, y1 + at);
        output(k, k->w, c0, c1, c2, plain, y0 + at);
        at += oc;
        if (--n == 0) {
            return;
        }
        c0 = column(p0 + 48, p1 + 48);
        output(k, k->v, c1, c2, c0, plain, y1 + at);
        output(k, k->w, c1, c2, c0, plain, y0 + at);
        at += oc;
        if (--n == 0) {
            return;
        }
        c1 = column(p0 + 64, p1 + 64);
        output(k, k->v, c2, c0, c1, plain, y1 + at);
        output(k, k->w, c2, c0, c1, plain, y0 + at);
        at += oc;
        if (--n == 0) {
            return;
        }
    }
}

/* n outputs of one row, stride 2. */
static inline void one_row(const block_t *k, const int8_t *p0, const int8_t *p1, int32_t n,
                           int32_t oc, int32_t plain, int8_t *out)
{
    col_t c0 = column(p0, p1);
    for (; n > 0; n--, p0 += 32, p1 += 32, out += oc) {
        const col_t c1 = column(p0 + 16, p1 + 16), c2 = column(p0 + 32, p1 + 32);
        output(k, k->w, c0, c1, c2, plain, out);
        c0 = c2;
    }
}

/* 8 channels of the whole layer; the ring holds two zipped pairs with their padding. */
static inline void channels(const eq_dwconv2d_s8_t *p, const rows_t *r, const block_t *block,
                            const int8_t *in, int32_t stride, int32_t plain, int8_t *ring,
                            int8_t *out)
{
    const block_t k = *block;
    const int32_t n = p->out_w, oc = p->out_c, line = n * oc, head = 16 * p->pad_left;
    int8_t *p0 = ring, *p1 = ring + 16 * ((n - 1) * stride + 3);
    int32_t next = 2 - r->top;
    load(r, in, next - 2, p0 + head);
    for (int32_t left = p->out_h; left > 0; next += 2) {
        load(r, in, next, p1 + head);
        if (stride == 1) {
            two_rows(&k, p0, p1, n, oc, plain, out, left > 1 ? out + line : out);
            out += 2 * line;
            left -= 2;
        } else {
            one_row(&k, p0, p1, n, oc, plain, out);
            out += line;
            left--;
        }
        int8_t *const t = p0;
        p0 = p1;
        p1 = t;
    }
}

/* w one byte up in each word. */
static inline int8x16_t second(int8x16_t w)
{
    return vreinterpretq_s8_s32(vshlq_n_s32(vreinterpretq_s32_s8(w), 8));
}

static inline block_t block_of(const eq_dwconv2d_s8_t *p, const int8_t *w, int32_t c)
{
    block_t k;
    for (int32_t kx = 0; kx < 3; kx++) {
        k.w[kx].lo = vld1q_s8(w + 32 * kx);
        k.w[kx].hi = vld1q_s8(w + 32 * kx + 16);
        k.v[kx].lo = second(k.w[kx].lo);
        k.v[kx].hi = second(k.w[kx].hi);
    }
    k.a = eq_neon_params(p->bias + c, p->mult + c, p->shift + c);
    k.b = eq_neon_params(p->bias + c + 4, p->mult + c + 4, p->shift + c + 4);
    k.range = eq_neon_range(p->out_zero, p->act_min, p->act_max);
    return k;
}

static inline void layer(const eq_dwconv2d_s8_t *p, const rows_t *r, const int8_t *in,
                         int32_t stride, int32_t plain, int8_t *ring, int8_t *out)
{
    const int8_t *w = p->weights;
    for (int32_t c = 0; c < p->out_c; c += 8, w += 96) {
        const block_t k = block_of(p, w, c);
        channels(p, r, &k, in + c, stride, plain, ring, out + c);
    }
}

void eq_dwconv2d_s8_neon_dot(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                             void *restrict scratch)
{
    const int32_t plain = eq_neon_plain(p->out_zero, p->act_min, p->act_max);
    const int32_t width = (p->out_w - 1) * p->stride_w + 3, rest = width - p->pad_left;
    rows_t r = {
        p->in_c, p->in_w * p->in_c, p->in_h, p->pad_top, rest < p->in_w ? rest : p->in_w, {0},
    };
    vst1_s8(r.zero, vdup_n_s8(p->in_zero));
    eq_neon_fill(scratch, p->in_zero, 32 * width);  /* columns of padding stay as they are */
    if (p->stride_w == 1) {
        if (plain) {
            layer(p, &r, in, 1, 1, scratch, out);
        } else {
            layer(p, &r, in, 1, 0, scratch, out);
        }
    } else {
        if (plain) {
            layer(p, &r, in, 2, 1, scratch, out);
        } else {
            layer(p, &r, in, 2, 0, scratch, out);
        }
    }
}

#endif
