/* eq_pad_s8_v7m - constant padding, words at any address. ARMv7-M. */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 7 && __ARM_ARCH_PROFILE == 'M'
#include "eq_bytes_v7m.h"

#include "eq_pad_rows.h"

void eq_pad_s8_v7m(const eq_pad_s8_t *p, const int8_t *restrict in, int8_t *restrict out)
{
    eq_pad_rows(p, in, out);
}
#endif
