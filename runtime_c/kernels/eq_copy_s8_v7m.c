/* eq_copy_s8_v7m - copies blocks between strided places, requantizing through a table:
 * words at any address. ARMv7-M. */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 7 && __ARM_ARCH_PROFILE == 'M'
#include "eq_bytes_v7m.h"

#include "eq_copy_rows.h"

void eq_copy_s8_v7m(const eq_copy_s8_t *p, const int8_t *restrict in, int8_t *restrict out)
{
    eq_copy_rows(p, in, out);
}
#endif
