/* eq_move.h - values that move: padding, copies, transposition, slices, resizing, embedding. Any ISA. */
#ifndef EQ_MOVE_H
#define EQ_MOVE_H

#include "eq.h"

/* --- constant padding of (in_h, in_w, in_c) ------------------------------------------------------ */
typedef struct {
    uint16_t in_h, in_w, in_c;
    uint16_t top, bottom, left, right, front, back;  /* front, back: channels */
    int8_t value;
} eq_pad_s8_t;

void eq_pad_s8(const eq_pad_s8_t *p, const int8_t *restrict in, int8_t *restrict out);

/* --- copy of blocks: concatenation, split --------------------------------------------------------
 * block i of `outer`: chunk values from in + in_offset + i * in_stride to out + out_offset
 * + i * out_stride, through a table as in eq_lut_s8_t unless it is 0. */
typedef struct {
    uint32_t outer, chunk;
    uint32_t in_offset, in_stride;
    uint32_t out_offset, out_stride;
    const int8_t *table;
} eq_copy_s8_t;

void eq_copy_s8(const eq_copy_s8_t *p, const int8_t *restrict in, int8_t *restrict out);

/* Blocks of 16-bit values side by side in `in`, in `out` with other steps: saturated requant(x),
 * shift <= 15. */
typedef struct {
    uint32_t outer, chunk, out_offset, out_stride;
    int8_t shift;
    int32_t mult;
} eq_copy_s16_t;

void eq_copy_s16(const eq_copy_s16_t *p, const int16_t *restrict in, int16_t *restrict out);

/* --- window over a stream --------------------------------------------------------------------
 * `window` holds `outer` blocks of `size` bytes from run to run, values of any type: in each the
 * oldest `fresh` bytes leave, the others move to the front, and the next `fresh` bytes of `in`
 * follow. */
typedef struct {
    uint32_t outer, size, fresh;
} eq_shift_t;

void eq_shift(const eq_shift_t *p, const void *restrict in, void *restrict window);

/* --- transpose, slice with any step: out (n0, n1, n2, n3) in order, out[i, j, k, l] =
 * in[start + i * s0 + j * s1 + k * s2 + l * s3] */
typedef struct {
    uint32_t n0, n1, n2, n3;
    int32_t s0, s1, s2, s3;
    int32_t start;
} eq_gather_s8_t;

void eq_gather_s8(const eq_gather_s8_t *p, const int8_t *restrict in, int8_t *restrict out);

/* --- the same with four axes more in front: m0 to m3 of strides t0 to t3 ------------------------ */
typedef struct {
    uint32_t m0, m1, m2, m3;
    uint32_t n0, n1, n2, n3;
    int32_t t0, t1, t2, t3;
    int32_t s0, s1, s2, s3;
    int32_t start;
} eq_gather_deep_s8_t;

void eq_gather_deep_s8(const eq_gather_deep_s8_t *p, const int8_t *restrict in,
                       int8_t *restrict out);

/* --- resize of (in_h, in_w, c): input row and column of every output row and column ------------ */
typedef struct {
    uint16_t in_h, in_w, c;
    uint16_t out_h, out_w;
    const uint16_t *rows, *columns;
} eq_resize_nearest_s8_t;

void eq_resize_nearest_s8(const eq_resize_nearest_s8_t *p, const int8_t *restrict in,
                          int8_t *restrict out);

/* Bilinear: rows and columns hold (low, high, part): low * (1024 - part) + high * part, rounded
 * half away from zero after both. */
typedef struct {
    uint16_t in_h, in_w, c;
    uint16_t out_h, out_w;
    const int16_t *rows, *columns;
} eq_resize_bilinear_s8_t;

void eq_resize_bilinear_s8(const eq_resize_bilinear_s8_t *p, const int8_t *restrict in,
                           int8_t *restrict out);
void eq_resize_bilinear_s16(const eq_resize_bilinear_s8_t *p, const int16_t *restrict in,
                            int16_t *restrict out);

/* --- Cortex-A variants: NEON (ARMv7-A and AArch64) ---------------------------------------------- */
void eq_copy_s8_neon(const eq_copy_s8_t *p, const int8_t *restrict in, int8_t *restrict out);

/* --- Cortex-M variants: DSP extension (dsp), ARMv7-M (v7m), ARMv6-M (v6m) ----------------------- */
void eq_pad_s8_v7m(const eq_pad_s8_t *p, const int8_t *restrict in, int8_t *restrict out);
void eq_pad_s8_v6m(const eq_pad_s8_t *p, const int8_t *restrict in, int8_t *restrict out);
void eq_copy_s8_v7m(const eq_copy_s8_t *p, const int8_t *restrict in, int8_t *restrict out);
void eq_copy_s8_v6m(const eq_copy_s8_t *p, const int8_t *restrict in, int8_t *restrict out);

/* --- Helium (MVE) variants ------------------------------------------------------------------------ */
void eq_pad_s8_mve(const eq_pad_s8_t *p, const int8_t *restrict in, int8_t *restrict out);
void eq_copy_s8_mve(const eq_copy_s8_t *p, const int8_t *restrict in, int8_t *restrict out);

/* --- n rows of `width` bytes of a table of `rows`, by index ----------------------------------------- */
typedef struct {
    uint32_t n, rows, width;
} eq_embedding_t;

void eq_embedding(const eq_embedding_t *p, const int32_t *restrict index,
                  const int8_t *restrict table, int8_t *restrict out);

/* --- rows of `depth` values, 1 at the index and 0 elsewhere; 0 alone where the index is outside --------
 * `wraps`: indices from -depth to -1 count from the end. */
typedef struct {
    uint32_t n;
    int32_t depth;
    uint8_t wraps;
} eq_onehot_t;

void eq_onehot(const eq_onehot_t *p, const int32_t *restrict index, int8_t *restrict out);

#endif
