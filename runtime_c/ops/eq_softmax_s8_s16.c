/* eq_softmax_s8_s16 - softmax over rows with 16-bit results, portable C: e^x from a table. */
#include "eq_norm.h"
#include "eq_requant.h"
#include "eq_softmax_scale.h"

/* Leading zero bits of x > 0. */
static int32_t leading_zeros(uint32_t x)
{
    int32_t n = 0;
    while (x < UINT32_C(0x80000000)) {
        x <<= 1;
        n++;
    }
    return n;
}

static int32_t largest(const int8_t *in, uint32_t c)
{
    int32_t max = in[0];
    for (uint32_t i = 1; i < c; i++) {
        max = in[i] > max ? in[i] : max;
    }
    return max;
}

static void softmax_row(const eq_softmax_s8_t *p, const int8_t *in, int16_t *out)
{
    const int32_t max = largest(in, p->c);
    uint32_t sum = 0;  /* Q19 */
    for (uint32_t i = 0; i < p->c; i++) {
        const int32_t d = max - in[i];
        if (d < p->n_exp) {
            sum += ((uint32_t)p->exp[d] + 2048) >> 12;
        }
    }
    const int32_t headroom = leading_zeros(sum);
    const int32_t scale = eq_softmax_scale(sum, headroom).scale;
    for (uint32_t i = 0; i < p->c; i++) {
        const int32_t d = max - in[i];
        int32_t y = 0;
        if (d < p->n_exp) {
            y = eq_rounding_shift(eq_doubling_high_mul(scale, p->exp[d]), 27 - headroom);
        }
        out[i] = (int16_t)eq_clamp(y - 32768, INT16_MIN, INT16_MAX);
    }
}

void eq_softmax_s8_s16(const eq_softmax_s8_t *p, const int8_t *in, int16_t *out)
{
    for (uint32_t r = 0; r < p->rows; r++, in += p->c, out += p->c) {
        softmax_row(p, in, out);
    }
}
