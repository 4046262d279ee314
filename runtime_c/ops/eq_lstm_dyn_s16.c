/* eq_lstm_dyn_s16 - LSTM on 16-bit vectors narrowed to 8 at run time, portable C. */
#include "eq_dot4.h"
#include "eq_lstm_dyn.h"

void eq_lstm_dyn_s16(const eq_lstm_s16_t *p, const int16_t *restrict in, int16_t *restrict out,
                     void *restrict scratch)
{
    eq_lstm_dyn_steps(p, in, out, scratch);
}
