/* eq_mean_s8_dsp - mean or sum over the middle axis, four sums in two words: eq_mean_words.h.
 * Arm DSP ISA. */
#if defined(__ARM_FEATURE_DSP) && __ARM_ARCH_PROFILE == 'M'
#include "eq_bytes4_dsp.h"
#include "eq_scale_dsp.h"

#include "eq_mean_words.h"

void eq_mean_s8_dsp(const eq_mean_s8_t *p, const int8_t *restrict in, int8_t *restrict out)
{
    eq_mean_words(p, in, out);
}
#endif
