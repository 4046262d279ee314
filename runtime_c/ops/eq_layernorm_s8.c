/* eq_layernorm_s8 - LayerNorm and RMSNorm, portable C: exact sums, Newton's reciprocal root. */
#include "eq_requant.h"

static inline int32_t eq_high_mul(int32_t a, int32_t b)
{
    return eq_doubling_high_mul(a, b);
}

static inline void eq_sums(const int8_t *x, int32_t n, int32_t *sum, int32_t *squares)
{
    int32_t s = 0, q = 0;
    for (int32_t i = 0; i < n; i++) {
        s += x[i];
        q += x[i] * x[i];
    }
    *sum = s;
    *squares = q;
}

#include "eq_layernorm_scalar.h"

void eq_layernorm_s8(const eq_layernorm_s8_t *p, const int8_t *in, int8_t *out)
{
    eq_layernorm_all(p, in, out);
}
