/* eq_logistic_s16 - 1 / (1 + e^-x) with 16-bit activations, portable C: lines between the entries of
 * a table for x >= 0, mirrored for x < 0. */
#include "eq_elementwise.h"

void eq_logistic_s16(const eq_sigmoid_s16_t *p, const int16_t *in, int16_t *out)
{
    const int32_t half = ((int32_t)1 << p->shift) >> 1;
    for (uint32_t i = 0; i < p->n; i++) {
        const int32_t x = (in[i] * p->mult + half) >> p->shift;
        const uint32_t distance = (uint32_t)(x < 0 ? -x : x), at = distance >> 9;
        uint32_t y = (uint32_t)0x7FFF << 10;
        if (at < 255) {
            const uint32_t low = p->table[at];
            y = (low << 9) + (distance & 0x1FF) * (p->table[at + 1] - low);
        }
        y = x >= 0 ? y + (1 << 9) : ((uint32_t)1 << 25) - y + (1 << 9) - 1;
        out[i] = (int16_t)(y >> 10);
    }
}
