/* eq_dense_s16 - dense layer with 16-bit activations, portable C: 64-bit sums of 32-bit parts. */
#include "eq_dense.h"
#include "eq_dot_s16.h"

void eq_dense_s16(const eq_dense_s16_t *p, const int16_t *restrict in, int16_t *restrict out,
                  void *restrict scratch)
{
    (void)scratch;
    for (int32_t r = 0; r < p->rows; r++, in += p->in_c) {
        const int8_t *w = p->weights;
        for (int32_t oc = 0; oc < p->out_c; oc++, w += p->in_c) {
            const int64_t acc = eq_dot_s16(in, w, p->in_c) + p->bias[oc];
            const int32_t y = eq_requant_s16(acc, p->mult[oc], p->shift[oc]);
            *out++ = (int16_t)eq_clamp(y, p->act_min, p->act_max);
        }
    }
}
