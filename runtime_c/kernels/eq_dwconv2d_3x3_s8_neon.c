/* eq_dwconv2d_3x3_s8_neon - 3x3 depthwise convolution (multiplier 1), NEON: 16 channels (8 on
 * ARMv7-A) of the whole layer at a time out of a ring of three padded rows, weights stay in
 * registers; two taps are added in 16 bits (weights >= -127). */
#include "eq_conv.h"
#include "eq_neon.h"

#if defined(__ARM_NEON)

/* Where a layer's rows lie: distances of columns and rows, columns of the input that are used. */
typedef struct {
    int32_t c, line, in_h, top, head, body;
} rows_t;

/* One row of 8 channels to dst; outside the input a row of padding. */
static inline void load8(const rows_t *r, const int8_t *in, int32_t y, int8x8_t zero, int8_t *dst)
{
    int32_t n = r->body;
    dst += 8 * r->head;
    if (y < 0 || y >= r->in_h) {
        for (; n > 0; n--, dst += 8) {
            vst1_s8(dst, zero);
            EQ_NEON_NO_IDIOM();
        }
        return;
    }
    const int32_t step = r->c;
    const int8_t *x = in + y * r->line;
    for (; n >= 2; n -= 2, x += 2 * step, dst += 16) {
        const int8x8_t a = vld1_s8(x), b = vld1_s8(x + step);
        vst1_s8(dst, a);
        vst1_s8(dst + 8, b);
        EQ_NEON_NO_IDIOM();
    }
    if (n != 0) {
        vst1_s8(dst, vld1_s8(x));
    }
}

/* 32-bit accumulators of 8 channels. */
typedef struct {
    int32x4_t lo, hi;
} acc8_t;

static inline acc8_t add8(acc8_t a, int16x8_t p)
{
    a.lo = vaddw_s16(a.lo, vget_low_s16(p));
    a.hi = vaddw_s16(a.hi, vget_high_s16(p));
    return a;
}

static inline acc8_t two8(acc8_t a, const int8_t *x0, int8x8_t w0, const int8_t *x1, int8x8_t w1)
{
    return add8(a, vmlal_s8(vmull_s8(vld1_s8(x0), w0), vld1_s8(x1), w1));
}

/* What 8 channels of a layer need. */
typedef struct {
    int8x8_t w[9];
    eq_neon_params_t a, b;
    eq_neon_range_t range;
} block8_t;

/* n outputs of 8 channels out of three rows, oc apart. */
static inline void row8(const block8_t *k, const int8_t *const r[3], int32_t stride, int32_t n,
                        int32_t oc, int32_t plain, int8_t *out)
{
    const int8_t *r0 = r[0], *r1 = r[1], *r2 = r[2];
    for (; n > 0; n--, out += oc) {
        acc8_t s = {k->a.bias, k->b.bias};
        s = two8(s, r0, k->w[0], r0 + 8, k->w[1]);
        s = two8(s, r0 + 16, k->w[2], r1, k->w[3]);
        s = two8(s, r1 + 8, k->w[4], r1 + 16, k->w[5]);
        s = two8(s, r2, k->w[6], r2 + 8, k->w[7]);
        s = add8(s, vmull_s8(vld1_s8(r2 + 16), k->w[8]));
        vst1_s8(out, eq_neon_outputs8(s.lo, s.hi, k->a, k->b, k->range, plain));
        r0 += 8 * stride;
        r1 += 8 * stride;
        r2 += 8 * stride;
    }
}

/* 8 channels from c on of the whole layer. */
static inline void channels8(const eq_dwconv2d_s8_t *p, const rows_t *rows, const int8_t *in,
                             int32_t c, int32_t plain, int8_t *ring, int8_t *out)
{
    const int32_t size = 8 * ((p->out_w - 1) * p->stride_w + 3), oc = p->out_c, n = p->out_w;
    const int32_t stride = p->stride_w, down = p->stride_h;
    const int8_t *w = p->weights + c;
    const int8x8_t zero = vdup_n_s8(p->in_zero);
    block8_t k;
    int8_t *r[3] = {ring, ring + size, ring + 2 * size};
    for (int32_t i = 0; i < 9; i++) {
        k.w[i] = vld1_s8(w + i * oc);
    }
    k.a = eq_neon_params(p->bias + c, p->mult + c, p->shift + c);
    k.b = eq_neon_params(p->bias + c + 4, p->mult + c + 4, p->shift + c + 4);
    k.range = eq_neon_range(p->out_zero, p->act_min, p->act_max);
    in += c;
    out += c;
    int32_t y = -rows->top;
    int32_t fresh = 3;
    for (int32_t left = p->out_h; left > 0; left--, fresh = down, out += n * oc) {
        for (; fresh > 0; fresh--, y++) {
            int8_t *const t = r[0];
            r[0] = r[1];
            r[1] = r[2];
            r[2] = t;
            load8(rows, in, y, zero, t);
        }
        const int8_t *const x[3] = {r[0], r[1], r[2]};
        row8(&k, x, stride, n, oc, plain, out);
    }
}

#if defined(__aarch64__)

/* One row of 16 channels to dst; outside the input a row of padding. */
static inline void load16(const rows_t *r, const int8_t *in, int32_t y, int8x16_t zero, int8_t *dst)
{
    int32_t n = r->body;
    dst += 16 * r->head;
    if (y < 0 || y >= r->in_h) {
        for (; n > 0; n--, dst += 16) {
            vst1q_s8(dst, zero);
            EQ_NEON_NO_IDIOM();
        }
        return;
    }
    const int32_t step = r->c;
    const int8_t *x = in + y * r->line;
    for (; n >= 2; n -= 2, x += 2 * step, dst += 32) {
        const int8x16_t a = vld1q_s8(x), b = vld1q_s8(x + step);
        vst1q_s8(dst, a);
        vst1q_s8(dst + 16, b);
        EQ_NEON_NO_IDIOM();
    }
    if (n != 0) {
        vst1q_s8(dst, vld1q_s8(x));
    }
}

/* 32-bit accumulators of 16 channels. */
typedef struct {
    acc8_t lo, hi;
} acc16_t;

static inline acc16_t two16(acc16_t a, const int8_t *x0, int8x16_t w0, const int8_t *x1,
                            int8x16_t w1)
{
    const int8x16_t u = vld1q_s8(x0), v = vld1q_s8(x1);
    a.lo = add8(a.lo, vmlal_s8(vmull_s8(vget_low_s8(u), vget_low_s8(w0)), vget_low_s8(v),
                               vget_low_s8(w1)));
    a.hi = add8(a.hi, vmlal_high_s8(vmull_high_s8(u, w0), v, w1));
    return a;
}

/* What 16 channels of a layer need. */
typedef struct {
    eq_neon_params_t q[4];
    eq_neon_range_t range;
} block16_t;

/* Keeps GCC from giving the low half of a vector a register of its own. */
#define EQ_WHOLE(a, b, c) __asm__("" : "+w"(a), "+w"(b), "+w"(c))

/* n outputs of 16 channels out of three rows, oc apart, as the weights are. */
static inline void row16(const block16_t *k, const int8_t *const r[3], const int8_t *w,
                         int32_t stride, int32_t n, int32_t oc, int32_t plain, int8_t *out)
{
    const int8_t *r0 = r[0], *r1 = r[1], *r2 = r[2];
    const int8_t *v = w + 3 * oc, *u = w + 6 * oc;
    int8x16_t w0 = vld1q_s8(w), w1 = vld1q_s8(w + oc), w2 = vld1q_s8(w + 2 * oc);
    int8x16_t w3 = vld1q_s8(v), w4 = vld1q_s8(v + oc), w5 = vld1q_s8(v + 2 * oc);
    int8x16_t w6 = vld1q_s8(u), w7 = vld1q_s8(u + oc), w8 = vld1q_s8(u + 2 * oc);
    for (; n > 0; n--, out += oc) {
        EQ_WHOLE(w0, w1, w2);
        EQ_WHOLE(w3, w4, w5);
        EQ_WHOLE(w6, w7, w8);
        acc16_t s = {{k->q[0].bias, k->q[1].bias}, {k->q[2].bias, k->q[3].bias}};
        s = two16(s, r0, w0, r0 + 16, w1);
        s = two16(s, r0 + 32, w2, r1, w3);
        s = two16(s, r1 + 16, w4, r1 + 32, w5);
        s = two16(s, r2, w6, r2 + 16, w7);
        const int8x16_t x = vld1q_s8(r2 + 32);
        s.lo = add8(s.lo, vmull_s8(vget_low_s8(x), vget_low_s8(w8)));
        s.hi = add8(s.hi, vmull_high_s8(x, w8));
        vst1q_s8(out, vcombine_s8(
            eq_neon_outputs8(s.lo.lo, s.lo.hi, k->q[0], k->q[1], k->range, plain),
            eq_neon_outputs8(s.hi.lo, s.hi.hi, k->q[2], k->q[3], k->range, plain)));
        r0 += 16 * stride;
        r1 += 16 * stride;
        r2 += 16 * stride;
    }
}

/* 16 channels from c on of the whole layer. */
static inline void channels16(const eq_dwconv2d_s8_t *p, const rows_t *rows, const int8_t *in,
                              int32_t c, int32_t plain, int8_t *ring, int8_t *out)
{
    const int32_t size = 16 * ((p->out_w - 1) * p->stride_w + 3), oc = p->out_c, n = p->out_w;
    const int32_t stride = p->stride_w, down = p->stride_h;
    const int8_t *w = p->weights + c;
    const int8x16_t zero = vdupq_n_s8(p->in_zero);
    block16_t k;
    int8_t *r[3] = {ring, ring + size, ring + 2 * size};
    for (int32_t i = 0; i < 4; i++) {
        const int32_t at = c + 4 * i;
        k.q[i] = eq_neon_params(p->bias + at, p->mult + at, p->shift + at);
    }
    k.range = eq_neon_range(p->out_zero, p->act_min, p->act_max);
    in += c;
    out += c;
    int32_t y = -rows->top;
    int32_t fresh = 3;
    for (int32_t left = p->out_h; left > 0; left--, fresh = down, out += n * oc) {
        for (; fresh > 0; fresh--, y++) {
            int8_t *const t = r[0];
            r[0] = r[1];
            r[1] = r[2];
            r[2] = t;
            load16(rows, in, y, zero, t);
        }
        const int8_t *const x[3] = {r[0], r[1], r[2]};
        row16(&k, x, w, stride, n, oc, plain, out);
    }
}

/* Blocks of 16 channels; returns how many channels are done. */
static inline int32_t wide(const eq_dwconv2d_s8_t *p, const rows_t *r, const int8_t *in,
                           int32_t plain, int8_t *ring, int8_t *out)
{
    int32_t c = 0;
    eq_neon_fill(ring, p->in_zero, 48 * ((p->out_w - 1) * p->stride_w + 3));
    for (; c + 16 <= p->out_c; c += 16) {
        channels16(p, r, in, c, plain, ring, out);
    }
    return c;
}

#else

/* ARMv7-A has too few registers. */
static inline int32_t wide(const eq_dwconv2d_s8_t *p, const rows_t *r, const int8_t *in,
                           int32_t plain, int8_t *ring, int8_t *out)
{
    (void)p, (void)r, (void)in, (void)plain, (void)ring, (void)out;
    return 0;
}

#endif

static inline void layer(const eq_dwconv2d_s8_t *p, const rows_t *r, const int8_t *in,
                         int32_t plain, int8_t *ring, int8_t *out)
{
    int32_t c = wide(p, r, in, plain, ring, out);
    if (c < p->out_c) {
        eq_neon_fill(ring, p->in_zero, 24 * ((p->out_w - 1) * p->stride_w + 3));
    }
    for (; c < p->out_c; c += 8) {
        channels8(p, r, in, c, plain, ring, out);
    }
}

void eq_dwconv2d_3x3_s8_neon(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                             void *restrict scratch)
{
    const int32_t rest = (p->out_w - 1) * p->stride_w + 3 - p->pad_left;
    const rows_t r = {
        p->in_c, p->in_w * p->in_c, p->in_h, p->pad_top, p->pad_left,
        rest < p->in_w ? rest : p->in_w,
    };
    if (eq_neon_plain(p->out_zero, p->act_min, p->act_max)) {
        layer(p, &r, in, 1, scratch, out);
    } else {
        layer(p, &r, in, 0, scratch, out);
    }
}

#endif
