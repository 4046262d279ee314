/* eq_tanh_s16 - tanh(x) = 2 / (1 + e^-2x) - 1 with 16-bit activations, portable C: lines between the
 * entries of a table. */
#include "eq_elementwise.h"

void eq_tanh_s16(const eq_sigmoid_s16_t *p, const int16_t *in, int16_t *out)
{
    const int32_t half = ((int32_t)1 << p->shift) >> 1;
    for (uint32_t i = 0; i < p->n; i++) {
        const int32_t x = (in[i] * p->mult + half) >> p->shift;
        const uint32_t distance = (uint32_t)(x < 0 ? -x : x), at = distance >> 8;
        int32_t y = 0xFFFF << 8;
        if (at < 255) {
            const int32_t low = p->table[at];
            y = (low << 8) + (int32_t)(distance & 0xFF) * (p->table[at + 1] - low);
        }
        y -= (int32_t)1 << 23;
        y = x >= 0 ? y + (1 << 7) : -y + (1 << 7) - 1;
        out[i] = (int16_t)(y >> 8);
    }
}
