/* eq_dwconv2d_s8_neon_dot - 3x3 depthwise convolution, NEON with SDOT: ZIP turns three rows of 8
 * channels into words (row 0, 1, 2, 0) of a channel, so one SDOT does a kernel column of 4 channels;
 * columns are reused by the next outputs. Weights (c/8, kx, 8, 4), the fourth byte 0. */
#include "eq_neon_dw.h"

#if defined(__ARM_FEATURE_DOTPROD)

/* One column of 8 channels: words of channels 0..3 and 4..7. */
typedef struct {
    int8x16_t lo, hi;
} col_t;

typedef struct {
    const int8_t *r0, *r1, *r2;
} rows_t;

static inline col_t column(rows_t r, int32_t at)
{
    const int8x16_t r0 = vcombine_s8(vld1_s8(r.r0 + at), vdup_n_s8(0));
    const int8x16_t r1 = vcombine_s8(vld1_s8(r.r1 + at), vdup_n_s8(0));
    const int8x16_t r2 = vcombine_s8(vld1_s8(r.r2 + at), vdup_n_s8(0));
    const int16x8_t r01 = vreinterpretq_s16_s8(vzip1q_s8(r0, r1));
    const int16x8_t r2z = vreinterpretq_s16_s8(vzip1q_s8(r2, vdupq_n_s8(0)));
    const col_t c = {vreinterpretq_s8_s16(vzip1q_s16(r01, r2z)),
                     vreinterpretq_s8_s16(vzip2q_s16(r01, r2z))};
    return c;
}

/* What 8 channels of a layer need. */
typedef struct {
    col_t w[3];
    eq_neon_params_t a, b;
    eq_neon_range_t range;
} block_t;

static inline int8x8_t output(const block_t *k, col_t c0, col_t c1, col_t c2, int32_t plain)
{
    int32x4_t lo = vdotq_s32(k->a.bias, c0.lo, k->w[0].lo);
    int32x4_t hi = vdotq_s32(k->b.bias, c0.hi, k->w[0].hi);
    lo = vdotq_s32(lo, c1.lo, k->w[1].lo);
    hi = vdotq_s32(hi, c1.hi, k->w[1].hi);
    lo = vdotq_s32(lo, c2.lo, k->w[2].lo);
    hi = vdotq_s32(hi, c2.hi, k->w[2].hi);
    return eq_neon_outputs8(lo, hi, k->a, k->b, k->range, plain);
}

/* n outputs of 8 channels; c and oc are the distances of columns and of outputs. */
static inline void row(const block_t *block, rows_t r, int32_t stride, int32_t c, int32_t oc,
                       int32_t n, int32_t plain, int8_t *out)
{
    const block_t k = *block;
    col_t c0 = column(r, 0), c1, c2;
    int32_t at = c;
    if (stride == 1) {
        c1 = column(r, at);
        for (at += c;; at += 3 * c) {
            c2 = column(r, at);
            vst1_s8(out, output(&k, c0, c1, c2, plain));
            out += oc;
            if (--n == 0) {
                return;
            }
            c0 = column(r, at + c);
            vst1_s8(out, output(&k, c1, c2, c0, plain));
            out += oc;
            if (--n == 0) {
                return;
            }
            c1 = column(r, at + 2 * c);
            vst1_s8(out, output(&k, c2, c0, c1, plain));
            out += oc;
            if (--n == 0) {
                return;
            }
        }
    }
    for (; n > 0; n--, at += 2 * c, out += oc) {
        c1 = column(r, at);
        c2 = column(r, at + c);
        vst1_s8(out, output(&k, c0, c1, c2, plain));
        c0 = c2;
    }
}

/* All channels of the output row whose windows begin at padded row `first`. */
static void row_of(const eq_dwconv2d_s8_t *p, const int8_t *ring, int32_t first, int8_t *out)
{
    const int32_t line = eq_neon_ring_row(p), plain = eq_neon_plain(p->out_zero, p->act_min, p->act_max);
    rows_t r = {ring + (first % 3) * line, ring + ((first + 1) % 3) * line,
                ring + ((first + 2) % 3) * line};
    const int8_t *w = p->weights;
    block_t k;
    k.range = eq_neon_range(p->out_zero, p->act_min, p->act_max);
    for (int32_t c = 0; c < p->out_c; c += 8, w += 96) {
        for (int32_t kx = 0; kx < 3; kx++) {
            k.w[kx].lo = vld1q_s8(w + 32 * kx);
            k.w[kx].hi = vld1q_s8(w + 32 * kx + 16);
        }
        k.a = eq_neon_params(p->bias + c, p->mult + c, p->shift + c);
        k.b = eq_neon_params(p->bias + c + 4, p->mult + c + 4, p->shift + c + 4);
        if (plain) {
            row(&k, r, p->stride_w, p->in_c, p->out_c, p->out_w, 1, out + c);
        } else {
            row(&k, r, p->stride_w, p->in_c, p->out_c, p->out_w, 0, out + c);
        }
        r.r0 += 8;
        r.r1 += 8;
        r.r2 += 8;
    }
}

void eq_dwconv2d_s8_neon_dot(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                             void *restrict scratch)
{
    int32_t loaded = 0;
    for (int32_t oy = 0; oy < p->out_h; oy++) {
        const int32_t first = oy * p->stride_h;
        for (loaded = loaded < first ? first : loaded; loaded < first + 3; loaded++) {
            eq_neon_ring_load(p, in, loaded, scratch);
        }
        row_of(p, scratch, first, out + oy * p->out_w * p->out_c);
    }
}

#endif
