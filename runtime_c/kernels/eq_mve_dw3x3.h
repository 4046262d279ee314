/* eq_mve_dw3x3.h - what the Helium kernels of depthwise 3x3 share. MVE only.
 *
 * Scratch begins with four planes, one for each 4 of 16 channels: `columns` x 4 channels x 4 rows
 * of bytes. VLD4.32 at a column gives 4 x 4 windows of 4 channels, and one VMLADAV of a window with
 * a 3 x 3 filter (3 columns x (3 rows, 0), then zeros) is an output.
 * Weights are records of 84 bytes for 4 channels: for each 3 columns x (3 rows, 0), then bias[4],
 * mult[4] int32, shift[4] int8 (all <= 0). The number of channels is a multiple of 4. */
#ifndef EQ_MVE_DW3X3_H
#define EQ_MVE_DW3X3_H

#include "eq_mve.h"
#include "eq_conv.h"

enum { EQ_MVE_DW_RECORD = 84 };

static inline int32_t eq_mve_clip(int32_t x, int32_t high)
{
    return x < 0 ? 0 : (x > high ? high : x);
}

/* Input rows of y0 to y0 + 3 that are outside the input become in_zero in every window. */
static inline void eq_mve_blank_rows(const eq_dwconv2d_s8_t *p, int8_t *planes, int32_t bytes,
                                     int32_t y0)
{
    const int8x16_t value = vdupq_n_s8(p->in_zero);
    uint32_t rows = 0;
    for (int32_t r = 0; r < 4; r++) {
        rows |= y0 + r < 0 || y0 + r >= p->in_h ? 0x1111u << r : 0u;
    }
    if (rows != 0) {
        const mve_pred16_t bytes_of_rows = (mve_pred16_t)rows;
        for (int32_t i = 0; i < bytes; i += 16) {
            vstrbq_p_s8(planes + i, value, bytes_of_rows);
        }
    }
}

#endif
