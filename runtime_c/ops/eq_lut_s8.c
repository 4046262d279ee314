/* eq_lut_s8 - any function of one value by a table of 256, portable C. */
#include "eq_ops.h"

void eq_lut_s8(const eq_lut_s8_t *p, const int8_t *in, int8_t *out)
{
    const int8_t *table = p->table;
    const uint32_t n = p->n;
    for (uint32_t i = 0; i < n; i++) {
        out[i] = table[(uint8_t)in[i]];
    }
}
