/* eq_lstm_s8_mve - LSTM with an int16 cell, MVE: four rows of a gate share the loads. */
#include "eq_recurrent.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_mve_gate_rows.h"
#include "eq_lstm.h"

void eq_lstm_s8_mve(const eq_lstm_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                    void *restrict scratch)
{
    eq_lstm_steps(p, in, out, scratch);
}
#endif
