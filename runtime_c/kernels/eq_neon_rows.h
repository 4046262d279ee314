/* eq_neon_rows.h - the loops of operators over a full operand `a` and one of n values that repeats
 * over it. NEON.
 *
 * The including file defines first
 *     static inline int8x16_t sixteen(const params_t *k, int8x16_t a, int8x16_t b);
 */
#ifndef EQ_NEON_ROWS_H
#define EQ_NEON_ROWS_H

/* n values; `b` advances with `a`, or stays on one value where b_step is 0. */
static inline void eq_neon_row(const params_t *k, const int8_t *a, const int8_t *b, int32_t b_step,
                               int32_t n, int8_t *out)
{
    int8x16_t u = vdupq_n_s8(*b);
    for (; n >= 16; n -= 16, a += 16, out += 16) {
        if (b_step != 0) {
            u = vld1q_s8(b);
            b += 16;
        }
        vst1q_s8(out, sixteen(k, vld1q_s8(a), u));
    }
    if (n > 0) {
        int8_t x[16] = {0}, y[16] = {0};
        eq_neon_copy(x, a, n);
        if (b_step != 0) {
            eq_neon_copy(y, b, n);
            u = vld1q_s8(y);
        }
        vst1q_s8(x, sixteen(k, vld1q_s8(x), u));
        eq_neon_copy(out, x, n);
    }
}

enum { EQ_NEON_REPEATS = 240 };  /* bytes of `b` that are written out for rows below 16 */

/* inner == 1, n < 16: 16 rows at a time. */
static inline void eq_neon_short_rows(const params_t *k, const int8_t *a, const int8_t *b,
                                      uint32_t outer, uint32_t n, int8_t *out)
{
    int8_t repeated[EQ_NEON_REPEATS];
    for (uint32_t i = 0; i < 16 * n; i++) {
        repeated[i] = i < n ? b[i] : repeated[i - n];
    }
    for (uint32_t left = outer * n, some; left > 0; left -= some, a += some, out += some) {
        some = left < 16 * n ? left : 16 * n;
        eq_neon_row(k, a, repeated, 1, (int32_t)some, out);
    }
}

/* 1 < inner < 16: as many values of b as fill the buffer. */
static inline void eq_neon_short_runs(const params_t *k, const int8_t *a, const int8_t *b,
                                      uint32_t n, uint32_t inner, int8_t *out)
{
    int8_t repeated[EQ_NEON_REPEATS];
    while (n > 0) {
        uint32_t size = 0;
        for (; n > 0 && size + inner <= EQ_NEON_REPEATS; n--, b++) {
            for (uint32_t j = 0; j < inner; j++) {
                repeated[size++] = *b;
            }
        }
        eq_neon_row(k, a, repeated, 1, (int32_t)size, out);
        a += size;
        out += size;
    }
}

/* a is (outer, n, inner), b is (n); `out` may be `a`. */
static inline void eq_neon_rows(const params_t *params, const int8_t *a, const int8_t *b,
                                uint32_t outer, uint32_t n, uint32_t inner, int8_t *out)
{
    const params_t k = *params;
    if (inner == 1 && n < 16 && outer > 1) {
        eq_neon_short_rows(&k, a, b, outer, n, out);
        return;
    }
    for (; outer > 0; outer--, a += n * inner, out += n * inner) {
        if (inner == 1) {
            eq_neon_row(&k, a, b, 1, (int32_t)n, out);
        } else if (inner < 16 && n > 1) {
            eq_neon_short_runs(&k, a, b, n, inner, out);
        } else {
            for (uint32_t i = 0; i < n; i++) {
                eq_neon_row(&k, a + i * inner, b + i, 0, (int32_t)inner, out + i * inner);
            }
        }
    }
}

#endif
