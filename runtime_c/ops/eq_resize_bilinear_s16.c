/* eq_resize_bilinear_s16 - bilinear resize with 16-bit activations, portable C: 64-bit sums. */
#define EQ_VALUE int16_t
#define EQ_SUM int64_t
#include "eq_resize_bilinear.h"

void eq_resize_bilinear_s16(const eq_resize_bilinear_s8_t *p, const int16_t *restrict in,
                            int16_t *restrict out)
{
    resize_bilinear(p, in, out);
}
