/* eq_logsoftmax_s8 - logarithm of a softmax, portable C: the logarithm of the sum from a table. */
#include "eq_norm.h"
#include "eq_requant.h"

/* ln(x / 2^20) in Q16 for x >= 2^20; between entries of `ln` by lines. */
static int32_t ln_q16(const int32_t *ln, uint32_t x)
{
    int32_t power = 11;
    while (x < (uint32_t)1 << 31) {
        x <<= 1;
        power--;
    }
    const uint32_t at = (x >> 23) & 255, part = (x >> 7) & 65535;
    const uint32_t rise = (uint32_t)(ln[at + 1] - ln[at]);
    return ln[at] + (int32_t)((rise * part) >> 16) + power * 45426;
}

void eq_logsoftmax_s8(const eq_logsoftmax_s8_t *p, const int8_t *in, int8_t *out)
{
    for (uint32_t r = 0; r < p->rows; r++, in += p->c, out += p->c) {
        int32_t most = in[0];
        for (uint32_t i = 1; i < p->c; i++) {
            most = in[i] > most ? in[i] : most;
        }
        uint32_t sum = 0;
        for (uint32_t i = 0; i < p->c; i++) {
            const uint32_t d = (uint32_t)(most - in[i]);
            sum += d < p->n_exp ? (uint32_t)p->exp[d] : 0;
        }
        const int32_t log = ln_q16(p->ln, sum);
        for (uint32_t i = 0; i < p->c; i++) {
            const int32_t below = (int32_t)(((int64_t)(most - in[i]) * p->step) >> 8) + log;
            const int32_t y = p->out_zero - eq_requant(below, p->mult, p->shift);
            out[i] = (int8_t)eq_clamp(y, INT8_MIN, INT8_MAX);
        }
    }
}
