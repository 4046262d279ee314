/* eq_detect_box.h - boxes from anchors, and how much they share, portable C. */
#ifndef EQ_DETECT_BOX_H
#define EQ_DETECT_BOX_H

#include "eq_detect.h"
#include "eq_requant.h"

static inline int16_t eq_box_saturated(int64_t x)
{
    return (int16_t)(x > INT16_MAX ? INT16_MAX : (x < INT16_MIN ? INT16_MIN : x));
}

/* Half of a size: anchor * e^code / 2. */
static inline int64_t eq_box_half(int32_t anchor, const int32_t *exp, int8_t code)
{
    return ((int64_t)anchor * exp[(uint8_t)code] + ((int64_t)1 << 16)) >> 17;
}

static inline void eq_box_decode(const eq_detections_t *p, const int8_t *code,
                                 const int32_t *anchor, int16_t *box)
{
    const int64_t y = anchor[0] + eq_requant((code[0] - p->zero) * anchor[2], p->y_mult, p->y_shift);
    const int64_t x = anchor[1] + eq_requant((code[1] - p->zero) * anchor[3], p->x_mult, p->x_shift);
    const int64_t h = eq_box_half(anchor[2], p->h_exp, code[2]);
    const int64_t w = eq_box_half(anchor[3], p->w_exp, code[3]);
    box[0] = eq_box_saturated(y - h);
    box[1] = eq_box_saturated(x - w);
    box[2] = eq_box_saturated(y + h);
    box[3] = eq_box_saturated(x + w);
}

static inline int32_t eq_box_larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static inline int32_t eq_box_smaller(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static inline int64_t eq_box_area(int32_t h, int32_t w)
{
    return (int64_t)h * w;
}

/* Whether boxes of the areas `one` and `two` that meet in h rows and w columns (below 0: they do
 * not) share more than `overlap` of their union. */
static inline int32_t eq_box_shares(int32_t overlap, int64_t one, int64_t two, int32_t h, int32_t w)
{
    const int64_t inner = eq_box_area(eq_box_larger(h, 0), eq_box_larger(w, 0));
    return one > 0 && two > 0 && inner * (1 << 15) > overlap * (one + two - inner);
}

/* The same of two decoded boxes. */
static inline int32_t eq_box_covers(int32_t overlap, const int16_t *a, const int16_t *b)
{
    const int32_t h = eq_box_smaller(a[2], b[2]) - eq_box_larger(a[0], b[0]);
    const int32_t w = eq_box_smaller(a[3], b[3]) - eq_box_larger(a[1], b[1]);
    return eq_box_shares(overlap, eq_box_area(a[2] - a[0], a[3] - a[1]),
                         eq_box_area(b[2] - b[0], b[3] - b[1]), h, w);
}

/* Fills what is behind the detections that were kept. */
static inline void eq_box_clear(const eq_detections_t *p, uint32_t kept, int16_t *boxes,
                                int32_t *classes, int8_t *best)
{
    for (; kept < p->most; kept++) {
        for (uint32_t k = 0; k < 4; k++) {
            boxes[4 * kept + k] = 0;
        }
        classes[kept] = 0;
        best[kept] = p->score_zero;
    }
}

#endif
