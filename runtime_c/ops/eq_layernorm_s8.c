/* eq_layernorm_s8 - LayerNorm and RMSNorm, portable C: exact sums, Newton's reciprocal root. */
#include "eq_ops.h"
#include "eq_requant.h"
#include "eq_root.h"

static void row(const eq_layernorm_s8_t *p, const int8_t *in, int8_t *out)
{
    const int32_t c = p->c;
    int32_t sum = 0, squares = 0;
    for (int32_t i = 0; i < c; i++) {
        const int32_t x = in[i] - p->in_zero;
        sum += x;
        squares += x * x;
    }
    sum = p->centered ? sum : 0;
    int32_t exponent;
    const int64_t power = (int64_t)c * squares - (int64_t)sum * sum;
    int32_t root = eq_reciprocal_root((uint64_t)power + p->epsilon, &exponent);
    int32_t right = p->right + exponent;
    if (right > 31) { /* the values vanish beside epsilon */
        root = 0;
        right = 31;
    }
    for (int32_t i = 0; i < c; i++) {
        const int32_t d = c * (in[i] - p->in_zero) - sum;
        const int32_t n = eq_requant(d * ((int32_t)1 << p->lift), root, -right);
        const int32_t y = eq_requant(n * p->gamma[i] + p->beta[i], p->mult, p->shift);
        out[i] = (int8_t)eq_clamp(y + p->out_zero, INT8_MIN, INT8_MAX);
    }
}

void eq_layernorm_s8(const eq_layernorm_s8_t *p, const int8_t *in, int8_t *out)
{
    for (uint32_t r = 0; r < p->rows; r++, in += p->c, out += p->c) {
        row(p, in, out);
    }
}
