/* eq_dense_s8wz - fully connected layer whose weights have a zero point, portable C: the sum of the
 * inputs is taken once a row. */
#include "eq_dense.h"
#include "eq_requant.h"

static int32_t sum(const int8_t *restrict x, int32_t k)
{
    int32_t total = 0;
    for (int32_t i = 0; i < k; i++) {
        total += x[i];
    }
    return total;
}

static int32_t dot(const int8_t *restrict x, const int8_t *restrict w, int32_t k)
{
    int32_t acc = 0;
    for (int32_t i = 0; i < k; i++) {
        acc += x[i] * w[i];
    }
    return acc;
}

void eq_dense_s8wz(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                   void *restrict scratch)
{
    const int32_t k = p->in_c;
    const int32_t w_zero = p->weights[p->out_c * k];
    (void)scratch;
    for (int32_t r = 0; r < p->rows; r++, in += k) {
        const int32_t off = w_zero * sum(in, k);
        for (int32_t oc = 0; oc < p->out_c; oc++) {
            const int32_t acc = dot(in, p->weights + oc * k, k) - off + p->bias[oc];
            const int32_t y = eq_requant(acc, p->mult[oc], p->shift[oc]) + p->out_zero;
            *out++ = (int8_t)eq_clamp(y, p->act_min, p->act_max);
        }
    }
}
