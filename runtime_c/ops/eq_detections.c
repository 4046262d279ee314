/* eq_detections - boxes from anchors and fast non-maximum suppression, portable C: the next best
 * anchor is decoded and kept unless it overlaps a box that is kept already; nothing is sorted. */
#include "eq_detect.h"
#include "eq_requant.h"

enum { DONE = -129 };

static int16_t saturated(int64_t x)
{
    return (int16_t)(x > INT16_MAX ? INT16_MAX : (x < INT16_MIN ? INT16_MIN : x));
}

/* Half of a size: anchor * e^code / 2. */
static int64_t half_size(int32_t anchor, const int32_t *exp, int8_t code)
{
    return ((int64_t)anchor * exp[(uint8_t)code] + ((int64_t)1 << 16)) >> 17;
}

static void decode(const eq_detections_t *p, const int8_t *code, const int32_t *anchor,
                   int16_t *box)
{
    const int64_t y = anchor[0] + eq_requant((code[0] - p->zero) * anchor[2], p->y_mult, p->y_shift);
    const int64_t x = anchor[1] + eq_requant((code[1] - p->zero) * anchor[3], p->x_mult, p->x_shift);
    const int64_t h = half_size(anchor[2], p->h_exp, code[2]);
    const int64_t w = half_size(anchor[3], p->w_exp, code[3]);
    box[0] = saturated(y - h);
    box[1] = saturated(x - w);
    box[2] = saturated(y + h);
    box[3] = saturated(x + w);
}

static int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static int32_t smaller(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static int64_t area(int32_t h, int32_t w)
{
    return (int64_t)h * w;
}

static int32_t covers(const eq_detections_t *p, const int16_t *a, const int16_t *b)
{
    const int32_t h = smaller(a[2], b[2]) - larger(a[0], b[0]);
    const int32_t w = smaller(a[3], b[3]) - larger(a[1], b[1]);
    const int64_t one = area(a[2] - a[0], a[3] - a[1]), two = area(b[2] - b[0], b[3] - b[1]);
    const int64_t inner = area(larger(h, 0), larger(w, 0));
    if (one <= 0 || two <= 0) {
        return 0;
    }
    return inner * (1 << 15) > p->overlap * (one + two - inner);
}

/* The first class of the largest score. */
static uint32_t best_class(const eq_detections_t *p, const int8_t *scores)
{
    const uint32_t n = (uint32_t)p->classes - p->background;
    uint32_t best = 0;
    for (uint32_t c = 1; c < n; c++) {
        if (scores[p->background + c] > scores[p->background + best]) {
            best = c;
        }
    }
    return best;
}

/* The first anchor of the largest score that is left, or n. */
static uint32_t next_anchor(const eq_detections_t *p, const int16_t *left)
{
    uint32_t at = p->n;
    int32_t most = p->least - 1;
    for (uint32_t i = 0; i < p->n; i++) {
        if (left[i] > most) {
            most = left[i];
            at = i;
        }
    }
    return at;
}

void eq_detections(const eq_detections_t *p, const int8_t *codes, const int8_t *scores,
                   int16_t *restrict boxes, int32_t *restrict classes, int8_t *restrict best,
                   int32_t *restrict count, void *restrict scratch)
{
    int16_t *const left = scratch;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        const int8_t *s = scores + i * p->classes;
        left[i] = s[p->background + best_class(p, s)];
    }
    for (uint32_t i = next_anchor(p, left); i < p->n && kept < p->most; i = next_anchor(p, left)) {
        int16_t *box = boxes + 4 * kept;
        uint32_t j = 0;
        left[i] = DONE;
        decode(p, codes + 4 * i, p->anchors + 4 * i, box);
        while (j < kept && !covers(p, box, boxes + 4 * j)) {
            j++;
        }
        if (j == kept) {
            const int8_t *s = scores + i * p->classes;
            const uint32_t c = best_class(p, s);
            classes[kept] = (int32_t)c;
            best[kept++] = s[p->background + c];
        }
    }
    *count = (int32_t)kept;
    for (; kept < p->most; kept++) {
        for (uint32_t k = 0; k < 4; k++) {
            boxes[4 * kept + k] = 0;
        }
        classes[kept] = 0;
        best[kept] = p->score_zero;
    }
}
