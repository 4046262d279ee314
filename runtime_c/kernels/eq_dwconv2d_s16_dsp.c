/* eq_dwconv2d_s16_dsp - depthwise convolution with 16-bit activations: 4 channels, SMLABB and SMLATT.
 * DSP.
 *
 * c is a multiple of 4; of every 4 channels the weights are in the order 0 2 1 3. Tables for every 4
 * channels: bias, mult, shift, 4 each. */
#if defined(__ARM_FEATURE_DSP) && __ARM_ARCH_PROFILE == 'M'
#include "eq_dsp_s16.h"

static inline void copy(int16_t *to, const int16_t *from, int32_t n)
{
    eq_copy_s16(to, from, n);
}

#include "eq_dw_s16.h"

/* Sums of 4 channels. */
typedef struct {
    int32_t a, b, c, d;
} sums_t;

/* n > 0 taps of 4 channels: 13 instructions for 4 multiplications. Assembly: compilers spill. */
static inline sums_t add_taps(sums_t s, const int16_t *x, int32_t x_step, const int8_t *w,
                              int32_t w_step, int32_t n)
{
    uint32_t u, v, t;
    __asm__ volatile("1:\n\t"
                     "ldr %[t], [%[w]]\n\t"
                     "ldr %[u], [%[x]]\n\t"
                     "sxtb16 %[v], %[t]\n\t"
                     "smlabb %[a], %[u], %[v], %[a]\n\t"
                     "smlatt %[b], %[u], %[v], %[b]\n\t"
                     "ldr %[u], [%[x], #4]\n\t"
                     "sxtb16 %[v], %[t], ror #8\n\t"
                     "smlabb %[c], %[u], %[v], %[c]\n\t"
                     "smlatt %[d], %[u], %[v], %[d]\n\t"
                     "add %[w], %[w], %[w_step]\n\t"
                     "add %[x], %[x], %[x_step]\n\t"
                     "subs %[n], %[n], #1\n\t"
                     "bne 1b\n\t"
                     : [x] "+r"(x), [w] "+r"(w), [n] "+r"(n), [a] "+r"(s.a), [b] "+r"(s.b),
                       [c] "+r"(s.c), [d] "+r"(s.d), [u] "=&r"(u), [v] "=&r"(v), [t] "=&r"(t)
                     : [x_step] "r"(x_step), [w_step] "r"(w_step)
                     : "cc", "memory");
    return s;
}

__attribute__((noinline)) static void pixel(const eq_dw_s16_t *t, int16_t *out)
{
    const int32_t *k = t->tables, low = t->act_min, high = t->act_max;
    for (int32_t c = 0; c < t->c; c += 4, k += 12) {
        const int16_t *x = t->x + c;
        const int8_t *w = t->w + c;
        sums_t s = {k[0], k[1], k[2], k[3]};
        for (int32_t ky = t->cols > 0 ? t->rows : 0; ky > 0; ky--, x += t->x_row, w += t->w_row) {
            s = add_taps(s, x, 2 * t->x_col, w, t->w_col, t->cols);
        }
        out[c] = eq_finish_s16(s.a, k[4], k[8], low, high);
        out[c + 1] = eq_finish_s16(s.b, k[5], k[9], low, high);
        out[c + 2] = eq_finish_s16(s.c, k[6], k[10], low, high);
        out[c + 3] = eq_finish_s16(s.d, k[7], k[11], low, high);
    }
}

void eq_dwconv2d_s16_dsp(const eq_dwconv2d_s16_t *p, const int16_t *in, int16_t *out,
                         void *scratch)
{
    eq_dwconv_s16(p, in, out, scratch);
}
#endif
