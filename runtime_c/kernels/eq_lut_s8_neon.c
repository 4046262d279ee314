/* eq_lut_s8_neon - any function of one value by a table of 256, AArch64 NEON: TBL, 16
 * values a pass; ARMv7-A: 8, one by one. */
#include "eq_elementwise.h"
#include "eq_neon_lut.h"

#if defined(__ARM_NEON)

void eq_lut_s8_neon(const eq_lut_s8_t *p, const int8_t *in, int8_t *out)
{
    eq_neon_map(p->table, in, (int32_t)p->n, out);
}

#endif
