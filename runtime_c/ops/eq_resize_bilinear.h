/* eq_resize_bilinear.h - bilinear resize in Q10 of values of type EQ_VALUE with sums of type EQ_SUM,
 * portable C: places and weights from tables. */
#include "eq_move.h"

/* c values between four pixels; fy, fx in 1/1024 from the first of each pair. */
static void pixel(const EQ_VALUE *const q[4], int32_t fy, int32_t fx, uint32_t c, EQ_VALUE *out)
{
    const int32_t gy = 1024 - fy, gx = 1024 - fx;
    const int32_t w00 = gy * gx, w01 = gy * fx, w10 = fy * gx, w11 = fy * fx;
    for (uint32_t i = 0; i < c; i++) {
        const EQ_SUM sum = (EQ_SUM)q[0][i] * w00 + (EQ_SUM)q[1][i] * w01
                           + (EQ_SUM)q[2][i] * w10 + (EQ_SUM)q[3][i] * w11;
        out[i] = (EQ_VALUE)((sum + (sum > 0 ? 1 << 19 : -(1 << 19))) / (1 << 20));
    }
}

static void resize_bilinear(const eq_resize_bilinear_s8_t *p, const EQ_VALUE *restrict in,
                            EQ_VALUE *restrict out)
{
    const int32_t c = p->c, row = p->in_w * c;
    for (int32_t y = 0; y < p->out_h; y++) {
        const int16_t *v = p->rows + 3 * y;
        const EQ_VALUE *low = in + v[0] * row, *high = in + v[1] * row;
        for (int32_t x = 0; x < p->out_w; x++, out += c) {
            const int16_t *u = p->columns + 3 * x;
            const EQ_VALUE *const q[4] = {low + u[0] * c, low + u[1] * c, high + u[0] * c,
                                          high + u[1] * c};
            pixel(q, v[2], u[2], p->c, out);
        }
    }
}
