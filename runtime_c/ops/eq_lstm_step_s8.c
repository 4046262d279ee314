/* eq_lstm_step_s8 - LSTM with an int16 cell that goes on from its state, portable C. */
#include "eq_gate_rows.h"
#include "eq_lstm.h"

void eq_lstm_step_s8(const eq_lstm_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                int8_t *restrict h, int16_t *restrict c, void *restrict scratch)
{
    eq_lstm_go_on(p, in, out, h, c, scratch);
}
