/* eq_detect.h - which and where: index of an extreme, detections. Any ISA. */
#ifndef EQ_DETECT_H
#define EQ_DETECT_H

#include "eq.h"

/* --- index of the largest (sign 1) or smallest (sign -1) of n values, (outer, n, inner) ------------
 * the first of equals, or the last one where `last`. */
typedef struct {
    uint32_t outer, n, inner;
    int8_t sign, last;
} eq_argextreme_s8_t;

void eq_argextreme_s8(const eq_argextreme_s8_t *p, const int8_t *restrict in,
                      int32_t *restrict out);

/* --- detections: boxes of n anchors, the `most` best without those that overlap a better one --------
 * codes (n, 4) of centre y, x and size h, w; scores (n, classes), of which the first `background` do
 * not count; y = anchor + requant((code - zero) * size), size * exp[code] in Q16; coordinates in 2^-14.
 * A score below `least` is none; overlap is the share of the union in Q15. Scratch: 2 n bytes.
 * regular: one detection for each class of an anchor, at most `per_class` of one class; only boxes
 * of the same class suppress each other; no scratch. */
typedef struct {
    uint16_t n, classes, background, most, per_class;
    int8_t zero, score_zero;
    int16_t least;
    int32_t overlap;
    int8_t y_shift, x_shift;
    int32_t y_mult, x_mult;
    const int32_t *anchors;  /* (n, 4): centre y, x, height, width */
    const int32_t *h_exp, *w_exp;
} eq_detections_t;

void eq_detections(const eq_detections_t *p, const int8_t *codes, const int8_t *scores,
                   int16_t *restrict boxes, int32_t *restrict classes, int8_t *restrict best,
                   int32_t *restrict count, void *restrict scratch);
void eq_detections_regular(const eq_detections_t *p, const int8_t *codes, const int8_t *scores,
                           int16_t *restrict boxes, int32_t *restrict classes,
                           int8_t *restrict best, int32_t *restrict count);

/* --- the k largest (sign 1) or smallest (sign -1) of each of `rows` rows of n values, in order ------
 * Of equal values the first comes first. values and indices (rows, k), k <= n; disjoint. */
typedef struct {
    uint32_t rows, n, k;
    int8_t sign;
} eq_topk_s8_t;

void eq_topk_s8(const eq_topk_s8_t *p, const int8_t *restrict in, int8_t *restrict values,
                int32_t *restrict indices);

/* --- the `most` best boxes of each class that share at most `overlap` (Q15) of the union ------------
 * boxes (n, 4): two corners, or centre x, y, width, height where `centred`; scores (classes, n), none
 * below `least`. rows (classes * most, 3): 0, class, box; -1 behind `count` of them. */
typedef struct {
    uint32_t n, classes, most;
    int8_t centred, zero;
    int16_t least;
    int32_t overlap;
} eq_nms_s8_t;

void eq_nms_s8(const eq_nms_s8_t *p, const int8_t *boxes, const int8_t *scores,
               int32_t *restrict rows, int32_t *restrict count);

#endif
