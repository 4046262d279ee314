/* eq_l2norm_s8 - rows of length 1, portable C: 1 / sqrt of the sum of squares by Newton's method. */
#include "eq_norm.h"
#include "eq_requant.h"

static int32_t shifted_left(int32_t x, int32_t s)
{
    const int64_t y = (int64_t)x * ((int64_t)1 << s);
    return y > INT32_MAX ? INT32_MAX : (int32_t)y;
}

/* r with 1 / sqrt(x) = r * 2^(-31 - *right); with 3 integer bits, r from 1 upwards. */
static int32_t inverse_root(int32_t x, int32_t *right)
{
    if (x <= 1) { /* the root of 0 counts as 1 */
        *right = 0;
        return INT32_MAX;
    }
    *right = 11;
    for (; x >= (1 << 29); (*right)++) {
        x /= 4;
    }
    for (; x < (1 << 27); (*right)--) {
        x *= 4;
    }
    const int32_t half = eq_rounding_shift(x >> 1, 1), three_halves = 3 << 27;
    int32_t r = 1 << 28;
    for (int32_t i = 0; i < 5; i++) {
        const int32_t square = eq_doubling_high_mul(r, r);
        const int32_t cube = shifted_left(eq_doubling_high_mul(square, r), 6);
        r = shifted_left(eq_doubling_high_mul(three_halves, r) - eq_doubling_high_mul(half, cube), 3);
    }
    r = eq_doubling_high_mul(r, 1518500250); /* sqrt(1 / 2) */
    for (; *right < 0; (*right)++) {
        r *= 2;
    }
    return r;
}

void eq_l2norm_s8(const eq_l2norm_s8_t *p, const int8_t *in, int8_t *out)
{
    for (uint32_t i = 0; i < p->n; i++, in += p->c, out += p->c) {
        int32_t sum = 0, right;
        for (uint32_t k = 0; k < p->c; k++) {
            const int32_t x = in[k] - p->zero;
            sum += x * x;
        }
        int32_t factor = inverse_root(sum, &right);
        if (p->mult != 0) {
            factor = eq_doubling_high_mul(factor, p->mult);
        }
        for (uint32_t k = 0; k < p->c; k++) {
            const int32_t y = eq_requant(in[k] - p->zero, factor, p->shift - right) + p->out_zero;
            out[k] = (int8_t)eq_clamp(y, -128, 127);
        }
    }
}
