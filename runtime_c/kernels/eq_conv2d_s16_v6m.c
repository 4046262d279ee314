/* eq_conv2d_s16_v6m - convolution with 16-bit activations: 2 channels a load, sums of 32 bits.
 * ARMv6-M.
 *
 * weights: for every 2 channels (k, 2) int8, then bias[2], mult[2], shift[2] int32; k is kh * kw *
 * in_c, filled up to a multiple of 8, out_c to one of 2. */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 6 && __ARM_ARCH_PROFILE == 'M'
#include "eq_dot2_v6m.h"
#include "eq_m_s16.h"
#include "eq_conv.h"

#define EQ_S16_TILE 1

static inline void copy(int16_t *to, const int16_t *from, int32_t n)
{
    for (; n > 0; n--) {
        *to++ = *from++;
    }
}

static void pixels(const eq_conv2d_s16_t *p, int16_t *x, int32_t k, int16_t *const *out)
{
    const int8_t *w = p->weights;
    for (int32_t oc = 0; oc < p->out_c; oc += 2, w += 2 * k + 24) {
        const int32_t *t = (const int32_t *)(const void *)(w + 2 * k);
        int32_t s[2];
        eq_dot2_s16(x, w, k, s);
        for (int32_t i = 0; i < 2 && oc + i < p->out_c; i++) {
            out[0][oc + i] = eq_finish_s16(s[i] + t[i], t[2 + i], t[4 + i], p->act_min, p->act_max);
        }
    }
}

#include "eq_conv_s16.h"

void eq_conv2d_s16_v6m(const eq_conv2d_s16_t *p, const int16_t *in, int16_t *out, void *scratch)
{
    eq_conv_s16(p, in, out, scratch);
}
#endif
