/* eq_rnn_step_s8 - plain recurrent layer that goes on from its state, portable C. */
#include "eq_gate_rows.h"
#include "eq_rnn.h"

void eq_rnn_step_s8(const eq_rnn_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                int8_t *restrict h, void *restrict scratch)
{
    eq_rnn_go_on(p, in, out, h, scratch);
}
