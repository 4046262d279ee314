/* eq_dwconv2d_s8_neon - depthwise convolution (multiplier 1) of any window, NEON: 8 channels at a
 * time out of a ring of padded rows. In place is fine for stride 1: a row is in the ring before it
 * is written. */
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

/* What 8 channels of a layer need, and where a row of their windows lies. */
typedef struct {
    eq_neon_params_t a, b;
    eq_neon_range_t range;
    int32_t c, step, oc, n;  /* distances: column, output's window; output; number of outputs */
} block_t;

/* A row of 8 channels. */
static void row8(const eq_dwconv2d_s8_t *p, const int8_t *ring, int32_t first, const int8_t *w,
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
    block_t k;
    k.range = eq_neon_range(p->out_zero, p->act_min, p->act_max);
    k.c = p->in_c;
    k.oc = p->out_c;
    k.step = p->stride_w * p->in_c;
    k.n = p->out_w;
    for (int32_t c = 0; c < p->out_c; c += 8) {
        k.a = eq_neon_params(p->bias + c, p->mult + c, p->shift + c);
        k.b = eq_neon_params(p->bias + c + 4, p->mult + c + 4, p->shift + c + 4);
        row8(p, ring + c, first, p->weights + c, &k, out + c);
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
