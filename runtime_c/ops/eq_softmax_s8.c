/* eq_softmax_s8 - softmax over rows, portable C: e^x from a table. */
#include "eq_norm.h"
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

static void softmax_row(const eq_softmax_s8_t *p, const int8_t *in, int8_t *out)
{
    const int32_t *exp = p->exp;
    const int32_t n_exp = p->n_exp;
    const uint32_t c = p->c;
    int32_t max = in[0];
    for (uint32_t i = 1; i < c; i++) {
        max = in[i] > max ? in[i] : max;
    }
    uint32_t sum = 0;  /* Q19 */
    for (uint32_t i = 0; i < c; i++) {
        const int32_t d = max - in[i];
        if (d < n_exp) {
            sum += ((uint32_t)exp[d] + 2048) >> 12;
        }
    }
    const eq_softmax_scale_t k = eq_softmax_scale(sum, leading_zeros(sum));
    /* both roundings of values >= 0 are one sum */
    const uint32_t scale = (uint32_t)k.scale;
    const int32_t count = k.shift == 0 ? 0 : n_exp, shift = k.shift == 0 ? 0 : k.shift - 1;
    const uint64_t round = ((uint64_t)1 << 30) + ((uint64_t)1 << (31 + shift));
    for (uint32_t i = 0; i < c; i++) {
        const int32_t d = max - in[i];
        uint32_t y = 0;
        if (d < count) {
            y = (uint32_t)(((uint64_t)scale * (uint32_t)exp[d] + round) >> 32) >> shift;
            y = y > 255 ? 255 : y;
        }
        out[i] = (int8_t)((int32_t)y - 128);
    }
}

void eq_softmax_s8(const eq_softmax_s8_t *p, const int8_t *in, int8_t *out)
{
    for (uint32_t r = 0; r < p->rows; r++, in += p->c, out += p->c) {
        softmax_row(p, in, out);
    }
}
