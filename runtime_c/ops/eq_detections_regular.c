/* eq_detections_regular - boxes from anchors and non-maximum suppression class by class, portable C:
 * the next best score of any class is kept unless its box overlaps one of that class; no sorting. */
#include "eq_detect_box.h"

/* A score and where it stands: class * n + anchor. Equal scores follow in that order. */
typedef struct {
    int32_t score;
    uint32_t at;
} place_t;

/* The best score that comes after `last`; a score below `least` where there is none. */
static place_t next_place(const eq_detections_t *p, const int8_t *scores, place_t last)
{
    const uint32_t n = p->n, classes = (uint32_t)p->classes - p->background;
    place_t best = {p->least - 1, 0};
    for (uint32_t c = 0; c < classes; c++) {
        const int8_t *s = scores + p->background + c;
        for (uint32_t i = 0; i < n; i++, s += p->classes) {
            const uint32_t at = c * n + i;
            if (*s > best.score && (*s < last.score || (*s == last.score && at > last.at))) {
                best.score = *s;
                best.at = at;
            }
        }
    }
    return best;
}

/* Whether `box` is one more of its class: fewer than `per_class` are there, and it covers none. */
static int32_t is_new(const eq_detections_t *p, const int16_t *boxes, const int32_t *classes,
                      uint32_t kept, int32_t class)
{
    uint32_t same = 0;
    for (uint32_t j = 0; j < kept; j++) {
        if (classes[j] == class) {
            same++;
            if (eq_box_covers(p->overlap, boxes + 4 * kept, boxes + 4 * j)) {
                return 0;
            }
        }
    }
    return same < p->per_class;
}

void eq_detections_regular(const eq_detections_t *p, const int8_t *codes, const int8_t *scores,
                           int16_t *restrict boxes, int32_t *restrict classes,
                           int8_t *restrict best, int32_t *restrict count)
{
    uint32_t kept = 0;
    place_t place = {INT8_MAX + 1, 0};
    while (kept < p->most) {
        place = next_place(p, scores, place);
        if (place.score < p->least) {
            break;
        }
        const uint32_t i = place.at % p->n;
        const int32_t class = (int32_t)(place.at / p->n);
        eq_box_decode(p, codes + 4 * i, p->anchors + 4 * i, boxes + 4 * kept);
        if (is_new(p, boxes, classes, kept, class)) {
            classes[kept] = class;
            best[kept++] = (int8_t)place.score;
        }
    }
    *count = (int32_t)kept;
    eq_box_clear(p, kept, boxes, classes, best);
}
