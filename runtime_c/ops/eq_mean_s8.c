/* eq_mean_s8 - mean or sum over the middle axis, portable C: four sums a pass. */
#include "eq_pool.h"
#include "eq_requant.h"

static int8_t finish(const eq_mean_s8_t *p, int32_t acc)
{
    const int32_t y = eq_requant(acc, p->mult, p->shift) + p->out_zero;
    return (int8_t)eq_clamp(y, INT8_MIN, INT8_MAX);
}

void eq_mean_s8(const eq_mean_s8_t *p, const int8_t *restrict in, int8_t *restrict out)
{
    const uint32_t inner = p->inner;
    for (uint32_t o = 0; o < p->outer; o++, in += p->n * inner, out += inner) {
        uint32_t i = 0;
        for (; i + 4 <= inner; i += 4) {
            const int8_t *x = in + i;
            int32_t a0 = p->bias, a1 = a0, a2 = a0, a3 = a0;
            for (uint32_t j = 0; j < p->n; j++, x += inner) {
                a0 += x[0];
                a1 += x[1];
                a2 += x[2];
                a3 += x[3];
            }
            out[i] = finish(p, a0);
            out[i + 1] = finish(p, a1);
            out[i + 2] = finish(p, a2);
            out[i + 3] = finish(p, a3);
        }
        for (; i < inner; i++) {
            const int8_t *x = in + i;
            int32_t acc = p->bias;
            for (uint32_t j = 0; j < p->n; j++, x += inner) {
                acc += *x;
            }
            out[i] = finish(p, acc);
        }
    }
}
