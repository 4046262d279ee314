/* eq_lut_s16 - any function of 16-bit values, portable C: lines between 513 entries. */
#include "eq_elementwise.h"

void eq_lut_s16(const eq_lut_s16_t *p, const int16_t *in, int16_t *out)
{
    for (uint32_t i = 0; i < p->n; i++) {
        const int32_t x = in[i] + 32768, low = p->table[x >> 7];
        const int32_t slope = p->table[(x >> 7) + 1] - low;
        out[i] = (int16_t)(low + ((slope * (x & 127) + 64) >> 7));
    }
}
