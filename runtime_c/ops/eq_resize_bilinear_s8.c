/* eq_resize_bilinear_s8 - bilinear resize with 8-bit activations, portable C: 32-bit sums. */
#define EQ_VALUE int8_t
#define EQ_SUM int32_t
#include "eq_resize_bilinear.h"

void eq_resize_bilinear_s8(const eq_resize_bilinear_s8_t *p, const int8_t *restrict in,
                           int8_t *restrict out)
{
    resize_bilinear(p, in, out);
}
