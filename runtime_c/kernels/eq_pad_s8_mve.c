/* eq_pad_s8_mve - constant padding, MVE: 16 bytes a step. */
#if defined(__ARM_FEATURE_MVE)
#include "eq_bytes_mve.h"

#include "eq_pad_rows.h"

void eq_pad_s8_mve(const eq_pad_s8_t *p, const int8_t *restrict in, int8_t *restrict out)
{
    eq_pad_rows(p, in, out);
}
#endif
