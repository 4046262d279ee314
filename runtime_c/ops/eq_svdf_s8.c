/* eq_svdf_s8 - SVDF, portable C: the newest features join the kept ones, then the filter over time. */
#include "eq_recurrent.h"
#include "eq_requant.h"

static int32_t limited(int64_t x, int32_t shift)
{
    const int32_t most = INT32_MAX >> (shift > 0 ? shift : 0);
    return x > most ? most : (x < -most ? -most : (int32_t)x);
}

/* The newest feature of filter f. */
static int16_t feature(const eq_svdf_s8_t *p, const int8_t *in, int32_t f)
{
    const int8_t *w = p->features + f * p->in_c;
    int32_t acc = p->offset[f];
    for (int32_t i = 0; i < p->in_c; i++) {
        acc += in[i] * w[i];
    }
    acc = eq_clamp(eq_requant(acc, p->state_mult, p->state_shift), -p->state_max - 1, p->state_max);
    if (p->state_max == INT8_MAX) {
        acc = ((acc + p->state_zero + 128) & 255) - 128 - p->state_zero;
    }
    return (int16_t)acc;
}

void eq_svdf_s8(const eq_svdf_s8_t *p, const int8_t *in, int8_t *out, int16_t *state)
{
    const int16_t *t = p->times;
    int32_t f = 0;
    for (int32_t u = 0; u < p->units; u++) {
        int64_t acc = p->bias[u];
        for (int32_t r = 0; r < p->rank; r++, f++, t += p->memory, state += p->memory) {
            int32_t j = 0;
            for (; j + 1 < p->memory; j++) {
                state[j] = state[j + 1];
                acc += (int32_t)state[j] * t[j];
            }
            state[j] = feature(p, in, f);
            acc += (int32_t)state[j] * t[j];
        }
        const int32_t sum = limited(acc, p->out_shift);
        const int32_t y = eq_requant(sum, p->out_mult, p->out_shift) + p->out_zero;
        out[u] = (int8_t)eq_clamp(y, INT8_MIN, INT8_MAX);
    }
}
