/* eq_dw_columns.h - four channels of four input rows as columns, for depthwise 3x3. Any ISA.
 *
 * A column is 16 bytes: rows y, y+1, y+2, y+3 of four channels each; columns to the left and right
 * of the input hold the zero point. Every block moves down by two rows, so each input row is read
 * once and an output row may overwrite the input rows that only earlier blocks read. `flip` is
 * applied to every word: 0, or 0x80808080 for values that are 128 larger and unsigned. */
#ifndef EQ_DW_COLUMNS_H
#define EQ_DW_COLUMNS_H

#include "eq_conv.h"

/* Four int8 of neighbouring channels; activations are aligned to 4 bytes. */
typedef struct {
    uint32_t word;
} __attribute__((may_alias)) eq_word_t;

typedef struct {
    uint32_t row[4];
} eq_column_t;

/* Every column and row as padding. */
static inline void eq_columns_clear(const eq_dwconv2d_s8_t *p, eq_column_t *columns, uint32_t flip)
{
    const uint32_t outside = ((uint32_t)(uint8_t)p->in_zero * 0x01010101u) ^ flip;
    const int32_t n = (p->out_w - 1) * p->stride_w + 3;
    for (int32_t i = 0; i < n; i++) {
        for (int32_t r = 0; r < 4; r++) {
            columns[i].row[r] = outside;
        }
    }
}

/* Moves rows 2 and 3 up and reads input rows y and y + 1 behind them; `in` at the channel. */
static inline void eq_columns_advance(const eq_dwconv2d_s8_t *p, const int8_t *in, int32_t y,
                                      eq_column_t *columns, uint32_t flip)
{
    const uint32_t outside = (uint32_t)(uint8_t)p->in_zero * 0x01010101u;
    const int32_t in_c = p->in_c, row = p->in_w * in_c;
    const int has0 = y >= 0 && y < p->in_h, has1 = y + 1 >= 0 && y + 1 < p->in_h;
    const int8_t *at = in + y * row;
    eq_column_t *to = columns + p->pad_left;
    for (int32_t x = p->in_w; x > 0; x--, to++, at += in_c) {
        const uint32_t a = has0 ? ((const eq_word_t *)(const void *)at)->word : outside;
        const uint32_t b = has1 ? ((const eq_word_t *)(const void *)(at + row))->word : outside;
        to->row[0] = to->row[2];
        to->row[1] = to->row[3];
        to->row[2] = a ^ flip;
        to->row[3] = b ^ flip;
    }
}

#endif
