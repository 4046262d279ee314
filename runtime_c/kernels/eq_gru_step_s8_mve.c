/* eq_gru_step_s8_mve - GRU with an int16 state that goes on from its state, MVE: four rows of a gate share the loads. */
#include "eq_recurrent.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_mve_gate_rows.h"
#include "eq_gru.h"

void eq_gru_step_s8_mve(const eq_gru_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                int16_t *restrict state, void *restrict scratch)
{
    eq_gru_go_on(p, in, out, state, scratch);
}
#endif
