/* eq_lut_s8 - any function of one value by a table of 256, portable C: four values a pass. */
#include "eq_elementwise.h"

void eq_lut_s8(const eq_lut_s8_t *p, const int8_t *in, int8_t *out)
{
    const int8_t *table = p->table;
    uint32_t n = p->n;
    for (; n >= 4; n -= 4, in += 4, out += 4) {
        const uint8_t a = (uint8_t)in[0], b = (uint8_t)in[1], c = (uint8_t)in[2];
        const uint8_t d = (uint8_t)in[3];
        const int8_t e = table[a], f = table[b], g = table[c], h = table[d];
        out[0] = e;
        out[1] = f;
        out[2] = g;
        out[3] = h;
    }
    for (; n > 0; n--) {
        *out++ = table[(uint8_t)*in++];
    }
}
