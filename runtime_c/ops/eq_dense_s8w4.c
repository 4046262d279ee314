/* eq_dense_s8w4 - dense layer with 4-bit weights, portable C: a byte of weights meets two inputs
 * half a row apart; two output channels share their loads. */
#include "eq_dense.h"
#include "eq_requant.h"

static inline int32_t low(int32_t byte)
{
    return (int32_t)((uint32_t)byte << 28) >> 28;
}

static int8_t finish(const eq_dense_s8_t *p, int32_t acc, int32_t oc)
{
    const int32_t y = eq_requant(acc + p->bias[oc], p->mult[oc], p->shift[oc]) + p->out_zero;
    return (int8_t)eq_clamp(y, p->act_min, p->act_max);
}

/* All output channels of the row x. */
static void row(const eq_dense_s8_t *p, const int8_t *restrict x, int8_t *restrict out)
{
    const int32_t pairs = p->in_c / 2, h = (p->in_c + 1) / 2;
    const int8_t *const y = x + h, *w = p->weights;
    int32_t oc = 0;
    for (; oc + 2 <= p->out_c; oc += 2, w += 2 * h) {
        const int8_t *const v = w + h;
        int32_t a = 0, b = 0;
        for (int32_t i = 0; i < pairs; i++) {
            a += x[i] * low(w[i]) + y[i] * (w[i] >> 4);
            b += x[i] * low(v[i]) + y[i] * (v[i] >> 4);
        }
        if (pairs < h) {
            a += x[pairs] * low(w[pairs]);
            b += x[pairs] * low(v[pairs]);
        }
        out[oc] = finish(p, a, oc);
        out[oc + 1] = finish(p, b, oc + 1);
    }
    if (oc < p->out_c) {
        int32_t a = pairs < h ? x[pairs] * low(w[pairs]) : 0;
        for (int32_t i = 0; i < pairs; i++) {
            a += x[i] * low(w[i]) + y[i] * (w[i] >> 4);
        }
        out[oc] = finish(p, a, oc);
    }
}

void eq_dense_s8w4(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                   void *restrict scratch)
{
    (void)scratch;
    for (int32_t r = 0; r < p->rows; r++) {
        row(p, in + r * p->in_c, out + r * p->out_c);
    }
}
