/* eq_rnn_s8_mve - plain recurrent layer, MVE: four rows of a gate share the loads. */
#include "eq_recurrent.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_mve_gate_rows.h"
#include "eq_rnn.h"

void eq_rnn_s8_mve(const eq_rnn_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                   void *restrict scratch)
{
    eq_rnn_steps(p, in, out, scratch);
}
#endif
