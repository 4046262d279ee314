/* eq_gru_dyn_s16_mve - GRU on vectors narrowed at run time, MVE: four rows of a gate a pass. */
#include "eq_recurrent.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_mve_dot4.h"
#include "eq_gru_dyn.h"

void eq_gru_dyn_s16_mve(const eq_gru_s16_t *p, const int16_t *restrict in, int16_t *restrict out,
                        void *restrict scratch)
{
    eq_gru_dyn_steps(p, in, out, scratch);
}
#endif
