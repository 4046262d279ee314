/* eq_dwconv2d_s8_neon - depthwise convolution (multiplier 1), NEON: 8 channels at a time out of a
 * ring of padded rows, two taps added in 16 bits (weights >= -127); 3x3 keeps its weights in
 * registers along a row. In place is fine for stride 1: a row is in the ring before it is written. */
#include "eq_neon_dw.h"

#if defined(__ARM_NEON)

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

static inline acc8_t two_taps(acc8_t a, int8x8_t x0, int8x8_t w0, int8x8_t x1, int8x8_t w1)
{
    return add8(a, vmlal_s8(vmull_s8(x0, w0), x1, w1));
}

/* What 8 channels of a layer need, and where a row of their windows lies. */
typedef struct {
    eq_neon_params_t a, b;
    eq_neon_range_t range;
    int32_t c, step, oc, n;  /* distances: column, output's window; output; number of outputs */
} block_t;

static inline void row3x3(const int8_t *r0, const int8_t *r1, const int8_t *r2, const int8_t *w,
                          const block_t *k, int32_t plain, int8_t *out)
{
    const int32_t c = k->c, c2 = 2 * k->c, step = k->step, oc = k->oc;
    const int8x8_t w0 = vld1_s8(w), w1 = vld1_s8(w + oc), w2 = vld1_s8(w + 2 * oc);
    const int8x8_t w3 = vld1_s8(w + 3 * oc), w4 = vld1_s8(w + 4 * oc), w5 = vld1_s8(w + 5 * oc);
    const int8x8_t w6 = vld1_s8(w + 6 * oc), w7 = vld1_s8(w + 7 * oc), w8 = vld1_s8(w + 8 * oc);
    const eq_neon_params_t a = k->a, b = k->b;
    const eq_neon_range_t range = k->range;
    for (int32_t i = k->n; i > 0; i--) {
        acc8_t s = {a.bias, b.bias};
        s = two_taps(s, vld1_s8(r0), w0, vld1_s8(r0 + c), w1);
        s = two_taps(s, vld1_s8(r0 + c2), w2, vld1_s8(r1), w3);
        s = two_taps(s, vld1_s8(r1 + c), w4, vld1_s8(r1 + c2), w5);
        s = two_taps(s, vld1_s8(r2), w6, vld1_s8(r2 + c), w7);
        s = add8(s, vmull_s8(vld1_s8(r2 + c2), w8));
        vst1_s8(out, eq_neon_outputs8(s.lo, s.hi, a, b, range, plain));
        r0 += step;
        r1 += step;
        r2 += step;
        out += oc;
    }
}

/* A row of 8 channels, any kernel: weights from memory. */
static void row_any(const eq_dwconv2d_s8_t *p, const int8_t *ring, int32_t first, const int8_t *w,
                    const block_t *k, int8_t *out)
{
    const int32_t row = eq_neon_ring_row(p);
    for (int32_t i = 0; i < k->n; i++, out += k->oc) {
        acc8_t s = {k->a.bias, k->b.bias};
        const int8_t *u = w;
        for (int32_t ky = 0; ky < p->kh; ky++) {
            const int8_t *x = ring + ((first + ky) % p->kh) * row + i * k->step;
            for (int32_t kx = 0; kx < p->kw; kx++, x += k->c, u += k->oc) {
                s = add8(s, vmull_s8(vld1_s8(x), vld1_s8(u)));
            }
        }
        vst1_s8(out, eq_neon_outputs8(s.lo, s.hi, k->a, k->b, k->range, 0));
    }
}

/* All channels of the output row whose windows begin at padded row `first`. */
static void row_of(const eq_dwconv2d_s8_t *p, const int8_t *ring, int32_t first, int8_t *out)
{
    const int32_t row = eq_neon_ring_row(p), plain = eq_neon_plain(p->out_zero, p->act_min, p->act_max);
    const int8_t *r0 = ring + (first % p->kh) * row, *r1 = ring + ((first + 1) % p->kh) * row;
    const int8_t *r2 = ring + ((first + 2) % p->kh) * row;
    block_t k;
    k.range = eq_neon_range(p->out_zero, p->act_min, p->act_max);
    k.c = p->in_c;
    k.oc = p->out_c;
    k.step = p->stride_w * p->in_c;
    k.n = p->out_w;
    for (int32_t c = 0; c < p->out_c; c += 8) {
        k.a = eq_neon_params(p->bias + c, p->mult + c, p->shift + c);
        k.b = eq_neon_params(p->bias + c + 4, p->mult + c + 4, p->shift + c + 4);
        if (p->kh != 3 || p->kw != 3) {
            row_any(p, ring + c, first, p->weights + c, &k, out + c);
        } else if (plain) {
            row3x3(r0 + c, r1 + c, r2 + c, p->weights + c, &k, 1, out + c);
        } else {
            row3x3(r0 + c, r1 + c, r2 + c, p->weights + c, &k, 0, out + c);
        }
    }
}

void eq_dwconv2d_s8_neon(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                         void *restrict scratch)
{
    int32_t loaded = 0;
    for (int32_t oy = 0; oy < p->out_h; oy++) {
        const int32_t first = oy * p->stride_h;
        for (loaded = loaded < first ? first : loaded; loaded < first + p->kh; loaded++) {
            eq_neon_ring_load(p, in, loaded, scratch);
        }
        row_of(p, scratch, first, out + oy * p->out_w * p->out_c);
    }
}

#endif
