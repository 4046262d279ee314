/* eq_minmax_s8_dsp - minimum or maximum with a broadcast operand, four values a word: eq_minmax_words.h.
 * Arm DSP ISA. */
#if defined(__ARM_FEATURE_DSP) && __ARM_ARCH_PROFILE == 'M'
#include "eq_bytes4_dsp.h"

#include "eq_minmax_words.h"

void eq_minmax_s8_dsp(const eq_minmax_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    eq_minmax_words(p, a, b, out);
}
#endif
