/* eq_mean_s8_v7m - mean or sum over the middle axis, four sums in two words: eq_mean_words.h.
 * ARMv7-M. */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 7 && __ARM_ARCH_PROFILE == 'M'
#include "eq_bytes4_v7m.h"
#include "eq_scale_v7m.h"

#include "eq_mean_words.h"

void eq_mean_s8_v7m(const eq_mean_s8_t *p, const int8_t *restrict in, int8_t *restrict out)
{
    eq_mean_words(p, in, out);
}
#endif
