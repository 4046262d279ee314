/* eq_maxpool_s8_mve - maximum pooling, MVE: 16 channels a pass, the last ones predicated. */
#include "eq_pool.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_mve.h"
#include "eq_pool_window.h"

void eq_maxpool_s8_mve(const eq_pool_s8_t *p, const int8_t *in, int8_t *out)
{
    const int8x16_t low = vdupq_n_s8(p->act_min), high = vdupq_n_s8(p->act_max);
    for (int32_t oy = 0; oy < p->out_h; oy++) {
        for (int32_t ox = 0; ox < p->out_w; ox++, out += p->c) {
            const eq_window_t w = eq_pool_window(p, in, oy, ox);
            for (int32_t ch = 0; ch < p->c; ch += 16) {
                const mve_pred16_t lanes = vctp8q((uint32_t)(p->c - ch));
                const int8_t *row = w.first + ch;
                int8x16_t best = low;
                for (int32_t y = 0; y < w.rows; y++, row += p->in_w * p->c) {
                    const int8_t *x = row;
                    for (int32_t i = 0; i < w.cols; i++, x += p->c) {
                        best = vmaxq_s8(best, vldrbq_z_s8(x, lanes));
                    }
                }
                vstrbq_p_s8(out + ch, vminq_s8(best, high), lanes);
            }
        }
    }
}
#endif
