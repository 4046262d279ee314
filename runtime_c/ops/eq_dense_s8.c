/* eq_dense_s8 - fully connected layer, portable C: four output channels share the input's loads. */
#include "eq_dense.h"
#include "eq_requant.h"

static int8_t finish(const eq_dense_s8_t *p, int32_t acc, int32_t oc)
{
    const int32_t y = eq_requant(acc + p->bias[oc], p->mult[oc], p->shift[oc]) + p->out_zero;
    return (int8_t)eq_clamp(y, p->act_min, p->act_max);
}

static void row(const eq_dense_s8_t *p, const int8_t *restrict x, int8_t *restrict out)
{
    const int32_t k = p->in_c;
    const int8_t *w = p->weights;
    int32_t oc = 0;
    for (; oc + 4 <= p->out_c; oc += 4, w += 4 * k) {
        const int8_t *w1 = w + k, *w2 = w1 + k, *w3 = w2 + k;
        int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0;
        for (int32_t i = 0; i < k; i++) {
            const int16_t xi = x[i];
            a0 += xi * w[i];
            a1 += xi * w1[i];
            a2 += xi * w2[i];
            a3 += xi * w3[i];
        }
        out[oc] = finish(p, a0, oc);
        out[oc + 1] = finish(p, a1, oc + 1);
        out[oc + 2] = finish(p, a2, oc + 2);
        out[oc + 3] = finish(p, a3, oc + 3);
    }
    for (; oc < p->out_c; oc++, w += k) {
        int32_t acc = 0;
        for (int32_t i = 0; i < k; i++) {
            acc += x[i] * w[i];
        }
        out[oc] = finish(p, acc, oc);
    }
}

void eq_dense_s8(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                 void *restrict scratch)
{
    (void)scratch;
    for (int32_t r = 0; r < p->rows; r++) {
        row(p, in + r * p->in_c, out + r * p->out_c);
    }
}
