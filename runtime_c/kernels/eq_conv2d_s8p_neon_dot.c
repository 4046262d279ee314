/* eq_conv2d_s8p_neon_dot - convolution with packed weights, NEON with dot product. */
#include "eq_conv.h"

#if defined(__ARM_FEATURE_DOTPROD)
#include "eq_neon.h"

static inline int32x4_t mac16(int32x4_t acc, int8x16_t x, int8x16_t w)
{
    return vdotq_s32(acc, x, w);
}

#include "eq_neon_packed.h"

static inline void pixels(const eq_conv2d_s8_t *p, const int8_t *const x[4], int32_t k,
                          int8_t *const out[4])
{
    const eq_packed_t *h = eq_packed_of(p->weights);
    const eq_neon_range_t range = eq_neon_range(p->out_zero, p->act_min, p->act_max);
    const int8_t *w = p->weights + sizeof *h;
    (void)k;
    for (int32_t oc = 0; oc < p->out_c; oc += 4) {
        const int32_t left = p->out_c - oc;
        int8x8_t y[EQ_P_MOST];
        w = eq_p_block(h, x, EQ_P_MOST, w, range, y);
        for (int32_t i = 0; i < EQ_P_MOST; i++) {
            eq_neon_store(out[i] + oc, y[i], left < 4 ? left : 4);
        }
    }
}

#include "eq_neon_conv.h"

void eq_conv2d_s8p_neon_dot(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out,
                            void *scratch)
{
    eq_neon_conv(p, in, out, scratch);
}
#endif
