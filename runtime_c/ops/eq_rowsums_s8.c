/* eq_rowsums_s8 - sums of the rows of a window of time, portable C. */
#include "eq_pool.h"

void eq_rowsums_s8(const eq_rowsums_s8_t *p, const int8_t *restrict in, int16_t *restrict out)
{
    for (uint32_t r = 0; r < p->rows; r++, in += p->row_step, out += p->c) {
        for (uint32_t ch = 0; ch < p->c; ch++) {
            const int8_t *x = in + ch;
            int32_t acc = 0;
            for (uint32_t i = 0; i < p->n; i++, x += p->step) {
                acc += *x;
            }
            out[ch] = (int16_t)acc;
        }
    }
}
