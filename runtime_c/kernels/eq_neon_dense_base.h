/* eq_neon_dense_base.h - a dense layer without dot product. NEON. */
#ifndef EQ_NEON_DENSE_BASE_H
#define EQ_NEON_DENSE_BASE_H

/* Dot products of x with the 4 channels in w; k is a multiple of 16. */
static inline int32x4_t dots(const int8_t *x, const int8_t *w, int32_t k)
{
    int32x4_t a = vdupq_n_s32(0), b = a, c = a, d = a;
    for (int32_t j = 0; j < k; j += 16, w += 64) {
        const int8x16_t v = vld1q_s8(x + j);
        const int8x16x4_t u = eq_neon_load64(w);
        a = eq_neon_mac16(a, v, u.val[0]);
        b = eq_neon_mac16(b, v, u.val[1]);
        c = eq_neon_mac16(c, v, u.val[2]);
        d = eq_neon_mac16(d, v, u.val[3]);
    }
    return eq_neon_sums(a, b, c, d);
}

/* All outputs of the row x, padded to k. */
static void row(const eq_dense_s8_t *p, const int8_t *x, int32_t k, int8_t *out)
{
    const eq_neon_range_t range = eq_neon_range(p->out_zero, p->act_min, p->act_max);
    const int8_t *w = p->weights;
    for (int32_t oc = 0; oc < p->out_c; oc += 8, w += 8 * k) {
        const int32_t m = p->out_c - oc;
        const eq_neon_params_t a = eq_neon_params(p->bias + oc, p->mult + oc, p->shift + oc);
        const eq_neon_params_t b =
            eq_neon_params(p->bias + oc + 4, p->mult + oc + 4, p->shift + oc + 4);
        const int32x4_t lo = vaddq_s32(dots(x, w, k), a.bias);
        const int32x4_t hi = vaddq_s32(dots(x, w + 4 * k, k), b.bias);
        eq_neon_store(out + oc, eq_neon_outputs8(lo, hi, a, b, range, 0), m);
    }
}

static inline void eq_neon_dense(const eq_dense_s8_t *p, const int8_t *restrict in,
                                 int8_t *restrict out, void *restrict scratch)
{
    const int32_t k = (p->in_c + 15) & ~15;
    for (int32_t r = 0; r < p->rows; r++, in += p->in_c, out += p->out_c) {
        const int8_t *x = in;
        if (k != p->in_c) {
            int8_t *padded = scratch;
            eq_neon_copy(padded, in, p->in_c);
            eq_neon_fill(padded + p->in_c, 0, k - p->in_c);
            x = padded;
        }
        row(p, x, k, out);
    }
}

#endif
