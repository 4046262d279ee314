/* eq_lstm_s8 - LSTM with an int16 cell, portable C. */
#include "eq_gate_rows.h"
#include "eq_lstm.h"

void eq_lstm_s8(const eq_lstm_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                void *restrict scratch)
{
    eq_lstm_steps(p, in, out, scratch);
}
