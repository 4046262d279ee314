/* eq_lstm_step_s8_mve - LSTM with an int16 cell that goes on from its state, MVE: four rows of a gate share the loads. */
#include "eq_recurrent.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_mve_gate_rows.h"
#include "eq_lstm.h"

void eq_lstm_step_s8_mve(const eq_lstm_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                int8_t *restrict h, int16_t *restrict c, void *restrict scratch)
{
    eq_lstm_go_on(p, in, out, h, c, scratch);
}
#endif
