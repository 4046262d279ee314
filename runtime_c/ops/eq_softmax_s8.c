/* eq_softmax_s8 - softmax over rows, portable C: e^x from a table, Newton's reciprocal in Q29. */
#include "eq_ops.h"
#include "eq_requant.h"

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

/* 1 / (1 + x) in Q31 for x in [0, 1) in Q31: three Newton steps in Q29 from 48/17 - 32/17 d. */
static int32_t reciprocal_of_one_plus(int32_t x)
{
    const int32_t half_denominator = (int32_t)(((int64_t)x + ((int64_t)1 << 31)) / 2);
    int32_t y = 1515870810 + eq_doubling_high_mul(half_denominator, -1010580540);
    for (int32_t i = 0; i < 3; i++) {
        const int32_t rest = (1 << 29) - eq_doubling_high_mul(half_denominator, y);
        const int64_t step = (int64_t)eq_doubling_high_mul(y, rest) * 4;
        y += step > INT32_MAX ? INT32_MAX : step < INT32_MIN ? INT32_MIN : (int32_t)step;
    }
    return y > INT32_MAX / 2 ? INT32_MAX : y * 2;
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
    const int32_t headroom = leading_zeros(sum);
    const int32_t fraction = (int32_t)((sum << headroom) - UINT32_C(0x80000000));
    const uint32_t scale = (uint32_t)reciprocal_of_one_plus(fraction);
    /* Doubling high multiplication and right shift by 35 - headroom round one after the other; of
     * values >= 0 that is one sum. A sum of 512 or more (a shift of 32 or 33) leaves no value that
     * rounds up to 1/256. */
    const int32_t count = headroom < 4 ? 0 : n_exp, shift = headroom < 4 ? 0 : 34 - headroom;
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
