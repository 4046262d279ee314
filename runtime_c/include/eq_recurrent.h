/* eq_recurrent.h - layers with a state: LSTM, GRU, RNN, SVDF. Any ISA. */
#ifndef EQ_RECURRENT_H
#define EQ_RECURRENT_H

#include "eq.h"

/* --- LSTM, GRU, RNN over `steps` vectors of in_c; the state starts at zero -------------------------
 * Rows of a gate: sat16(requant(w x + bias)) + sat16(requant(r h + bias)) in Q3.12; sigmoid and tanh
 * in Q0.15 by lines between the entries of `sigmoid`, sigmoid(i / 24) in Q0.16 for i < 256.
 * out: every step's state (steps, units), or the last one where last_only.
 * LSTM: gates i, f, g, o; c = sat16(f c + i g) with cell_bits integer bits, within cell_min and
 * cell_max; h = requant(o tanh(c)) + out_zero. Scratch: 11 * units bytes. */
typedef struct {
    uint16_t steps, in_c, units;
    int8_t last_only;
    int8_t out_zero, out_shift;
    int32_t out_mult;
    const int8_t *weights;  /* (4 * units, in_c), then (4 * units, units) */
    const int32_t *bias;    /* (4 * units) for the input, (4 * units) for the state */
    const int32_t *mult;    /* (4) gates of the input, (4) of the state */
    const int8_t *shift;    /* likewise */
    const uint16_t *sigmoid;
    int8_t cell_bits;
    int16_t cell_min, cell_max;
} eq_lstm_s8_t;

void eq_lstm_s8(const eq_lstm_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                void *restrict scratch);

/* GRU: gates z, r, n; n = tanh(w x + r (u h)), or of w x + u (r h) where reset_first; the state
 * h = sat16((1 - z) n + z h) is Q0.15, the matrices see requant(h) + out_zero. 12 * units bytes. */
typedef struct {
    uint16_t steps, in_c, units;
    int8_t last_only;
    int8_t out_zero, out_shift;
    int32_t out_mult;
    const int8_t *weights;
    const int32_t *bias, *mult;
    const int8_t *shift;
    const uint16_t *sigmoid;
    int8_t reset_first;
} eq_gru_s8_t;

void eq_gru_s8(const eq_gru_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
               void *restrict scratch);

/* RNN: one gate, h = requant(tanh(w x + r h)) + out_zero. Scratch: 3 * units bytes. */
typedef struct {
    uint16_t steps, in_c, units;
    int8_t last_only;
    int8_t out_zero, out_shift;
    int32_t out_mult;
    const int8_t *weights;
    const int32_t *bias, *mult;
    const int8_t *shift;
    const uint16_t *sigmoid;
} eq_rnn_s8_t;

void eq_rnn_s8(const eq_rnn_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
               void *restrict scratch);

/* The same from a state that is kept: `steps` more steps, which leave the next state in its place.
 * h has the output's parameters, c and the GRU's state are as above. Scratch: 8, 10 and 2 times
 * units bytes. */
void eq_lstm_step_s8(const eq_lstm_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                     int8_t *restrict h, int16_t *restrict c, void *restrict scratch);
void eq_gru_step_s8(const eq_gru_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                     int16_t *restrict state, void *restrict scratch);
void eq_rnn_step_s8(const eq_rnn_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                     int8_t *restrict h, void *restrict scratch);

/* --- recurrent layers with Helium ------------------------------------------------------------------ */
void eq_lstm_s8_mve(const eq_lstm_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                    void *restrict scratch);
void eq_gru_s8_mve(const eq_gru_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                   void *restrict scratch);
void eq_rnn_s8_mve(const eq_rnn_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                   void *restrict scratch);
void eq_lstm_step_s8_mve(const eq_lstm_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                     int8_t *restrict h, int16_t *restrict c, void *restrict scratch);
void eq_gru_step_s8_mve(const eq_gru_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                     int16_t *restrict state, void *restrict scratch);
void eq_rnn_step_s8_mve(const eq_rnn_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                     int8_t *restrict h, void *restrict scratch);

/* --- dynamic quantization: 16-bit tensors, of which every vector that meets a matrix is narrowed to
 * int8 by its own largest value m (eq_narrow.h). Sums are 127 times too large; `mult` has 15 bits,
 * `shift` is to the right: y = sat16(round((w x * m + 127 * bias) * mult / 2^shift)). ------------
 * LSTM and GRU as with 8 bits, but x and the state h have 16, h in Q0.15. Scratch: 12 * units bytes
 * for the LSTM, 10 * units for the GRU, and as many as in_c or units, whichever is more. */
typedef struct {
    uint16_t steps, in_c, units;
    int8_t last_only;
    const int8_t *weights;
    const int32_t *bias;
    const int16_t *mult; /* a gate */
    const int8_t *shift;
    const uint16_t *sigmoid;
    int8_t cell_bits;
    int16_t cell_min, cell_max;
} eq_lstm_s16_t;

void eq_lstm_dyn_s16(const eq_lstm_s16_t *p, const int16_t *restrict in, int16_t *restrict out,
                     void *restrict scratch);

typedef struct {
    uint16_t steps, in_c, units;
    int8_t last_only;
    const int8_t *weights;
    const int32_t *bias;
    const int16_t *mult;
    const int8_t *shift;
    const uint16_t *sigmoid;
    int8_t reset_first;
} eq_gru_s16_t;

void eq_gru_dyn_s16(const eq_gru_s16_t *p, const int16_t *restrict in, int16_t *restrict out,
                    void *restrict scratch);

void eq_lstm_dyn_s16_mve(const eq_lstm_s16_t *p, const int16_t *restrict in,
                         int16_t *restrict out, void *restrict scratch);
void eq_gru_dyn_s16_mve(const eq_gru_s16_t *p, const int16_t *restrict in, int16_t *restrict out,
                        void *restrict scratch);

/* --- SVDF: s = requant(x * features + offset) joins the state, y = requant(sum(state * times) + bias)
 * filters = units * rank; state (filters, memory) int16, the newest behind, within state_max; sums over
 * time end where they or their left shift leave int32. */
typedef struct {
    uint16_t in_c, units, rank, memory;
    int8_t out_zero;
    int16_t state_max;   /* 127 or 32767 */
    int8_t state_zero;   /* with 127: where int8 values of the file wrap around */
    int8_t state_shift, out_shift;
    int32_t state_mult, out_mult;
    const int8_t *features;  /* (filters, in_c) */
    const int32_t *offset;   /* (filters) */
    const int16_t *times;    /* (filters, memory) */
    const int32_t *bias;     /* (units) */
} eq_svdf_s8_t;

void eq_svdf_s8(const eq_svdf_s8_t *p, const int8_t *in, int8_t *out, int16_t *state);

#endif
