/* eq_mean_s16 - mean or sum over the middle axis with 16-bit activations, portable C. */
#include "eq_pool.h"
#include "eq_requant.h"

void eq_mean_s16(const eq_mean_s16_t *p, const int16_t *restrict in, int16_t *restrict out)
{
    const uint32_t inner = p->inner;
    for (uint32_t o = 0; o < p->outer; o++, in += p->n * inner) {
        for (uint32_t i = 0; i < inner; i++) {
            int32_t acc = 0;
            for (uint32_t j = 0; j < p->n; j++) {
                acc += in[j * inner + i];
            }
            *out++ = (int16_t)eq_clamp(eq_requant(acc, p->mult, p->shift), INT16_MIN, INT16_MAX);
        }
    }
}
