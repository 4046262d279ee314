/* eq_resize_bilinear_s16 - bilinear resize in Q10 with 16-bit activations, portable C: 64-bit sums. */
#include "eq_move.h"

/* c values between four pixels; fy, fx in 1/1024 from the first of each pair. */
static void pixel(const int16_t *const q[4], int32_t fy, int32_t fx, uint32_t c, int16_t *out)
{
    const int32_t gy = 1024 - fy, gx = 1024 - fx;
    const int32_t w00 = gy * gx, w01 = gy * fx, w10 = fy * gx, w11 = fy * fx;
    for (uint32_t i = 0; i < c; i++) {
        const int64_t sum = (int64_t)q[0][i] * w00 + (int64_t)q[1][i] * w01
                            + (int64_t)q[2][i] * w10 + (int64_t)q[3][i] * w11;
        out[i] = (int16_t)((sum + (sum > 0 ? 1 << 19 : -(1 << 19))) / (1 << 20));
    }
}

void eq_resize_bilinear_s16(const eq_resize_bilinear_s8_t *p, const int16_t *restrict in,
                            int16_t *restrict out)
{
    const int32_t c = p->c, row = p->in_w * c;
    for (int32_t y = 0; y < p->out_h; y++) {
        const int16_t *v = p->rows + 3 * y;
        const int16_t *low = in + v[0] * row, *high = in + v[1] * row;
        for (int32_t x = 0; x < p->out_w; x++, out += c) {
            const int16_t *u = p->columns + 3 * x;
            const int16_t *const q[4] = {low + u[0] * c, low + u[1] * c, high + u[0] * c,
                                         high + u[1] * c};
            pixel(q, v[2], u[2], p->c, out);
        }
    }
}
