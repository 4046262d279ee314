/* eq_cumsum_s8 - running sums along the middle axis, portable C. */
#include "eq_pool.h"
#include "eq_requant.h"

static void run(const eq_cumsum_s8_t *p, const int8_t *in, int8_t *out)
{
    int32_t sum = 0;
    for (uint32_t j = 0; j < p->n; j++) {
        const uint32_t at = (p->reverse ? p->n - 1 - j : j) * p->inner;
        const int32_t next = sum + in[at] - p->in_zero;
        const int32_t y = eq_requant(p->exclusive ? sum : next, p->mult, p->shift) + p->out_zero;
        out[at] = (int8_t)eq_clamp(y, INT8_MIN, INT8_MAX);
        sum = next;
    }
}

void eq_cumsum_s8(const eq_cumsum_s8_t *p, const int8_t *restrict in, int8_t *restrict out)
{
    const uint32_t block = p->n * p->inner;
    for (uint32_t o = 0; o < p->outer; o++, in += block, out += block) {
        for (uint32_t i = 0; i < p->inner; i++) {
            run(p, in + i, out + i);
        }
    }
}
