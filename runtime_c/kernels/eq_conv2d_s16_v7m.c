/* eq_conv2d_s16_v7m - convolution with 16-bit activations: 2 pixels x 2 channels, sums of 32 bits.
 * ARMv7-M.
 *
 * weights: for every 2 channels (k, 2) int8, then bias[2], mult[2], shift[2] int32; k is kh * kw *
 * in_c, filled up to a multiple of 8, out_c to one of 2. */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 7 && __ARM_ARCH_PROFILE == 'M'
#include "eq_m_s16.h"
#include "eq_conv.h"

#define EQ_S16_TILE 2

static inline void copy(int16_t *to, const int16_t *from, int32_t n)
{
    for (; n > 0; n--) {
        *to++ = *from++;
    }
}

typedef struct {
    int32_t a0, a1, b0, b1; /* channels a and b of pixels 0 and 1 */
} sums_t;

#define ONE                                                                                        \
    "ldrsb %[a], [%[w]], #1\n\t"                                                                   \
    "ldrsh %[u], [%[x0]], #2\n\t"                                                                  \
    "ldrsb %[b], [%[w]], #1\n\t"                                                                   \
    "ldrsh %[v], [%[x1]], #2\n\t"                                                                  \
    "mla %[a0], %[a], %[u], %[a0]\n\t"                                                             \
    "mla %[a1], %[a], %[v], %[a1]\n\t"                                                             \
    "mla %[b0], %[b], %[u], %[b0]\n\t"                                                             \
    "mla %[b1], %[b], %[v], %[b1]\n\t"

/* Both channels at w, up to `end`. Assembly: compilers spill the sums. */
static inline sums_t dot_pair(const int16_t *x0, const int16_t *x1, const int8_t *w,
                              const int8_t *end)
{
    sums_t s = {0, 0, 0, 0};
    int32_t a, b, u, v;
    __asm__ volatile("1:\n\t" ONE ONE ONE ONE
                     "cmp %[w], %[end]\n\t"
                     "bne 1b\n\t"
                     : [x0] "+r"(x0), [x1] "+r"(x1), [w] "+r"(w), [a0] "+r"(s.a0),
                       [a1] "+r"(s.a1), [b0] "+r"(s.b0), [b1] "+r"(s.b1), [a] "=&r"(a),
                       [b] "=&r"(b), [u] "=&r"(u), [v] "=&r"(v)
                     : [end] "r"(end)
                     : "cc", "memory");
    return s;
}

static void pixels(const eq_conv2d_s16_t *p, int16_t *x, int32_t k, int16_t *const *out)
{
    const int32_t low = p->act_min, high = p->act_max;
    const int8_t *w = p->weights;
    for (int32_t oc = 0; oc < p->out_c; oc += 2, w += 2 * k + 24) {
        const sums_t s = dot_pair(x, x + k, w, w + 2 * k);
        const int32_t *t = (const int32_t *)(const void *)(w + 2 * k);
        out[0][oc] = eq_finish_s16(s.a0 + t[0], t[2], t[4], low, high);
        out[1][oc] = eq_finish_s16(s.a1 + t[0], t[2], t[4], low, high);
        if (oc + 1 < p->out_c) {
            out[0][oc + 1] = eq_finish_s16(s.b0 + t[1], t[3], t[5], low, high);
            out[1][oc + 1] = eq_finish_s16(s.b1 + t[1], t[3], t[5], low, high);
        }
    }
}

#include "eq_conv_s16.h"

void eq_conv2d_s16_v7m(const eq_conv2d_s16_t *p, const int16_t *in, int16_t *out, void *scratch)
{
    eq_conv_s16(p, in, out, scratch);
}
#endif
