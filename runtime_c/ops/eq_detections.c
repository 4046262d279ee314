/* eq_detections - boxes from anchors and fast non-maximum suppression, portable C: the next best
 * anchor is decoded and kept unless it overlaps a box that is kept already; nothing is sorted. */
#include "eq_detect_box.h"

enum { DONE = -129 };

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
        eq_box_decode(p, codes + 4 * i, p->anchors + 4 * i, box);
        while (j < kept && !eq_box_covers(p->overlap, box, boxes + 4 * j)) {
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
    eq_box_clear(p, kept, boxes, classes, best);
}
