/* eq_neon_dense_dot.h - a dense layer with SDOT. AArch64 NEON, dot product. */
#ifndef EQ_NEON_DENSE_DOT_H
#define EQ_NEON_DENSE_DOT_H

/* acc += 4 channels x 16 k of weights w times the 16 inputs v. */
static inline int32x4_t dot16(int32x4_t acc, int8x16x4_t w, int8x16_t v)
{
    acc = vdotq_laneq_s32(acc, w.val[0], v, 0);
    acc = vdotq_laneq_s32(acc, w.val[1], v, 1);
    acc = vdotq_laneq_s32(acc, w.val[2], v, 2);
    return vdotq_laneq_s32(acc, w.val[3], v, 3);
}

/* All outputs of the row x, padded to k. */
static void row(const eq_dense_s8_t *p, const int8_t *x, int32_t k, int8_t *out)
{
    const eq_neon_range_t range = eq_neon_range(p->out_zero, p->act_min, p->act_max);
    const int8_t *w = p->weights;
    for (int32_t oc = 0; oc < p->out_c; oc += 16) {
        const int32_t m = p->out_c - oc;
        eq_neon_params_t q[4];
        int32x4_t sums[4];
        for (int32_t c = 0; c < 4; c++) {
            const int32_t at = oc + 4 * c;
            q[c] = eq_neon_params(p->bias + at, p->mult + at, p->shift + at);
            sums[c] = q[c].bias;
        }
        for (int32_t j = 0; j < k; j += 16) {
            const int8x16_t v = vld1q_s8(x + j);
            for (int32_t c = 0; c < 4; c++, w += 64) {
                sums[c] = dot16(sums[c], vld1q_s8_x4(w), v);
            }
        }
        eq_neon_store(out + oc, eq_neon_outputs8(sums[0], sums[1], q[0], q[1], range, 0), m);
        eq_neon_store(out + oc + 8, eq_neon_outputs8(sums[2], sums[3], q[2], q[3], range, 0),
                      m - 8);
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
