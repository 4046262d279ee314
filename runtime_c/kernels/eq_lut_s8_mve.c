/* eq_lut_s8_mve - any function of one value by a table of 256, MVE: 16 values a gather. */
#include "eq_elementwise.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_bytes_mve.h"

void eq_lut_s8_mve(const eq_lut_s8_t *p, const int8_t *in, int8_t *out)
{
    eq_bytes_look_up(out, in, p->n, p->table);
}
#endif
