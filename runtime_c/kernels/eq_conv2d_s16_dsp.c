/* eq_conv2d_s16_dsp - convolution with 16-bit activations: 2 pixels x 2 channels, 32 instructions for
 * 32 multiplications (SMLAD). DSP.
 *
 * weights: for every 2 channels k / 4 words of each by turns (eq_dsp_s16.h), then bias[2], mult[2],
 * shift[2] int32; k is kh * kw * in_c, filled up to a multiple of 8, out_c to one of 2. Scratch: two
 * patches, then both by turns in words of two values. */
#if defined(__ARM_FEATURE_DSP) && __ARM_ARCH_PROFILE == 'M'
#include "eq_dsp_s16.h"
#include "eq_conv.h"

#define EQ_S16_TILE 2

static inline void copy(int16_t *to, const int16_t *from, int32_t n)
{
    eq_copy_s16(to, from, n);
}

/* Two words of the patches by turns; n > 0 of each, even. */
static void interleave(const int16_t *x, int32_t n, uint32_t *to)
{
    const uint32_t *a = (const uint32_t *)(const void *)x, *b = a + n;
    for (; n > 0; n -= 2, a += 2, b += 2, to += 4) {
        to[0] = a[0];
        to[1] = b[0];
        to[2] = a[1];
        to[3] = b[1];
    }
}

typedef struct {
    int32_t a0, a1, b0, b1; /* channels a and b of pixels 0 and 1 */
} sums_t;

#define TWICE(HALF)                                                                                \
    "ldrd %[u], %[v], [%[x]], #8\n\t"                                                              \
    "sxtb16 %[t], %[a]" HALF "\n\t"                                                                \
    "smlad %[a0], %[t], %[u], %[a0]\n\t"                                                           \
    "smlad %[a1], %[t], %[v], %[a1]\n\t"                                                           \
    "sxtb16 %[t], %[b]" HALF "\n\t"                                                                \
    "smlad %[b0], %[t], %[u], %[b0]\n\t"                                                           \
    "smlad %[b1], %[t], %[v], %[b1]\n\t"
#define STEP "ldrd %[a], %[b], [%[w]], #8\n\t" TWICE("") TWICE(", ror #8")

/* Both channels of *w, which moves to `end`. Assembly: compilers spill the sums. */
static inline sums_t dot_pair(const uint32_t *x, const int32_t **w, const int32_t *end)
{
    sums_t s = {0, 0, 0, 0};
    const int32_t *at = *w;
    uint32_t a, b, u, v, t;
    __asm__ volatile("1:\n\t" STEP STEP
                     "cmp %[w], %[end]\n\t"
                     "bne 1b\n\t"
                     : [x] "+r"(x), [w] "+r"(at), [a0] "+r"(s.a0), [a1] "+r"(s.a1),
                       [b0] "+r"(s.b0), [b1] "+r"(s.b1), [a] "=&r"(a), [b] "=&r"(b),
                       [u] "=&r"(u), [v] "=&r"(v), [t] "=&r"(t)
                     : [end] "r"(end)
                     : "cc", "memory");
    *w = at;
    return s;
}

static void pixels(const eq_conv2d_s16_t *p, int16_t *x, int32_t k, int16_t *const *out)
{
    const int32_t *w = (const int32_t *)(const void *)p->weights;
    const int32_t low = p->act_min, high = p->act_max;
    uint32_t *const both = (uint32_t *)(void *)(x + 2 * k);
    interleave(x, k / 2, both);
    for (int32_t oc = 0; oc < p->out_c; oc += 2, w += 6) {
        const sums_t s = dot_pair(both, &w, w + k / 2);
        out[0][oc] = eq_finish_s16(s.a0 + w[0], w[2], w[4], low, high);
        out[1][oc] = eq_finish_s16(s.a1 + w[0], w[2], w[4], low, high);
        if (oc + 1 < p->out_c) {
            out[0][oc + 1] = eq_finish_s16(s.b0 + w[1], w[3], w[5], low, high);
            out[1][oc + 1] = eq_finish_s16(s.b1 + w[1], w[3], w[5], low, high);
        }
    }
}

#include "eq_conv_s16.h"

void eq_conv2d_s16_dsp(const eq_conv2d_s16_t *p, const int16_t *in, int16_t *out, void *scratch)
{
    eq_conv_s16(p, in, out, scratch);
}
#endif
