/* eq_mean_of_sums_s8 - mean of a window whose rows are summed already, portable C. */
#include "eq_pool.h"
#include "eq_requant.h"

/* acc / count, halves away from zero or upwards. */
static int32_t mean(const eq_mean_of_sums_s8_t *p, int32_t acc)
{
    const int32_t half = p->count / 2;
    if (acc >= 0) {
        return (acc + half) / p->count;
    }
    return p->halves_up ? -((p->count - 1 - half - acc) / p->count) : -((half - acc) / p->count);
}

void eq_mean_of_sums_s8(const eq_mean_of_sums_s8_t *p, const int16_t *restrict in,
                        int8_t *restrict out)
{
    for (uint32_t ch = 0; ch < p->c; ch++) {
        const int16_t *x = in + ch;
        int32_t acc = 0;
        for (uint32_t r = 0; r < p->rows; r++, x += p->c) {
            acc += *x;
        }
        out[ch] = (int8_t)eq_clamp(mean(p, acc), p->act_min, p->act_max);
    }
}
