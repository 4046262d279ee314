/* eq_minmax_s8_v7m - minimum or maximum with a broadcast operand, four values a word: eq_minmax_words.h.
 * ARMv7-M. */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 7 && __ARM_ARCH_PROFILE == 'M'
#include "eq_bytes4_v7m.h"

#include "eq_minmax_words.h"

void eq_minmax_s8_v7m(const eq_minmax_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    eq_minmax_words(p, a, b, out);
}
#endif
