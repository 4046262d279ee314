/* eq_copy_s8_mve - copies blocks between strided places, requantizing through a table:
 * MVE: 16 bytes a step. */
#if defined(__ARM_FEATURE_MVE)
#include "eq_bytes_mve.h"

#include "eq_copy_rows.h"

void eq_copy_s8_mve(const eq_copy_s8_t *p, const int8_t *restrict in, int8_t *restrict out)
{
    eq_copy_rows(p, in, out);
}
#endif
