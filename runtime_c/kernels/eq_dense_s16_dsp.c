/* eq_dense_s16_dsp - dense layer with 16-bit activations: 4 channels share the inputs, SMLAD. DSP.
 *
 * weights: for every 4 channels k / 4 words of each by turns (eq_dsp_s16.h), then bias[4], mult[4],
 * shift[4] int32; k is in_c, a multiple of 4, out_c is filled up to one. */
#if defined(__ARM_FEATURE_DSP) && __ARM_ARCH_PROFILE == 'M'
#include "eq_dsp_s16.h"
#include "eq_dense.h"

static inline int32_t four(int32_t acc, uint32_t w, uint32_t low, uint32_t high)
{
    return eq_smlad(high, eq_sxtb16_ror8(w), eq_smlad(low, eq_sxtb16(w), acc));
}

void eq_dense_s16_dsp(const eq_dense_s16_t *p, const int16_t *restrict in, int16_t *restrict out,
                      void *restrict scratch)
{
    const int32_t in_c = p->in_c, low = p->act_min, high = p->act_max;
    (void)scratch;
    for (int32_t r = 0; r < p->rows; r++, in += in_c) {
        const int32_t *w = (const int32_t *)(const void *)p->weights;
        for (int32_t oc = 0; oc < p->out_c; oc += 4, w += 12) {
            int32_t s[4] = {0, 0, 0, 0};
            for (int32_t i = 0; i < in_c; i += 4, w += 4) {
                const uint32_t u = eq_load2_s16(in + i), v = eq_load2_s16(in + i + 2);
                s[0] = four(s[0], (uint32_t)w[0], u, v);
                s[1] = four(s[1], (uint32_t)w[1], u, v);
                s[2] = four(s[2], (uint32_t)w[2], u, v);
                s[3] = four(s[3], (uint32_t)w[3], u, v);
            }
            const int32_t n = p->out_c - oc < 4 ? p->out_c - oc : 4;
            for (int32_t i = 0; i < n; i++) {
                *out++ = eq_finish_s16(s[i] + w[i], w[4 + i], w[8 + i], low, high);
            }
        }
    }
}
#endif
