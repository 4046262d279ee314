/* eq_avgpool_s8_v7m - average pooling, four sums in two words: eq_avgpool_words.h.
 * ARMv7-M. */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 7 && __ARM_ARCH_PROFILE == 'M'
#include "eq_bytes4_v7m.h"

#include "eq_avgpool_words.h"

void eq_avgpool_s8_v7m(const eq_pool_s8_t *p, const int8_t *in, int8_t *out)
{
    eq_avgpool_words(p, in, out);
}
#endif
