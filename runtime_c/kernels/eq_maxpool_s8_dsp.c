/* eq_maxpool_s8_dsp - maximum pooling, four channels a word: eq_maxpool_words.h.
 * Arm DSP ISA. */
#if defined(__ARM_FEATURE_DSP) && __ARM_ARCH_PROFILE == 'M'
#include "eq_bytes4_dsp.h"

#include "eq_maxpool_words.h"

void eq_maxpool_s8_dsp(const eq_pool_s8_t *p, const int8_t *in, int8_t *out)
{
    eq_maxpool_words(p, in, out);
}
#endif
