/* eq_softmax_s16 - softmax of 16-bit rows, portable C: e^x and 1 / (1 + x) by lines between 513
 * table entries, as TensorFlow Lite. The exponentials stand in `out` until they are scaled. */
#include "eq_norm.h"
#include "eq_requant.h"

static int32_t look_up(const int16_t *table, int32_t x)
{
    const int32_t at = 256 + (x >> 7);
    const int32_t slope = table[at + 1] - table[at];
    return table[at] + ((slope * (x & 127) + 64) >> 7);
}

static void row(const eq_softmax_s16_t *p, const int16_t *in, int16_t *out)
{
    int32_t max = in[0], sum = 0, zeros = 0;
    for (uint32_t i = 1; i < p->c; i++) {
        max = in[i] > max ? in[i] : max;
    }
    for (uint32_t i = 0; i < p->c; i++) {
        const int32_t d = eq_requant(in[i] - max, p->mult, p->shift) + 32767;
        out[i] = (int16_t)look_up(p->exp, eq_clamp(d, INT16_MIN, INT16_MAX));
        sum += out[i];
    }
    while ((uint32_t)sum < UINT32_C(0x80000000) >> zeros) {
        zeros++;
    }
    const int32_t x = (int32_t)((((int64_t)sum << (zeros - 1)) + (1 << 13)) >> 14) - (1 << 15)
                      - (1 << 16);
    const int32_t reciprocal = look_up(p->reciprocal, eq_clamp(x, INT16_MIN, INT16_MAX));
    const int32_t right = 31 - zeros;
    for (uint32_t i = 0; i < p->c; i++) {
        const int64_t y = ((int64_t)out[i] * reciprocal + ((int64_t)1 << (right - 1))) >> right;
        out[i] = (int16_t)(y < 0 ? 0 : (y > INT16_MAX ? INT16_MAX : y));
    }
}

void eq_softmax_s16(const eq_softmax_s16_t *p, const int16_t *in, int16_t *out)
{
    for (uint32_t r = 0; r < p->rows; r++, in += p->c, out += p->c) {
        row(p, in, out);
    }
}
