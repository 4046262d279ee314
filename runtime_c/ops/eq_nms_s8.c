/* eq_nms_s8 - non-maximum suppression class by class, portable C: the next best box of a class is
 * kept unless it shares too much with one that is kept already; nothing is sorted. */
#include "eq_detect_box.h"

typedef struct {
    int32_t y0, x0, y1, x1; /* twice the corners */
} box_t;

static box_t box_of(const eq_nms_s8_t *p, const int8_t *b)
{
    const int32_t v0 = b[0] - p->zero, v1 = b[1] - p->zero, v2 = b[2] - p->zero,
                  v3 = b[3] - p->zero;
    if (p->centred) {
        const box_t box = {2 * v1 - v3, 2 * v0 - v2, 2 * v1 + v3, 2 * v0 + v2};
        return box;
    }
    const box_t box = {2 * eq_box_smaller(v0, v2), 2 * eq_box_smaller(v1, v3),
                       2 * eq_box_larger(v0, v2), 2 * eq_box_larger(v1, v3)};
    return box;
}

static int64_t size_of(const box_t *b)
{
    return eq_box_area(b->y1 - b->y0, b->x1 - b->x0);
}

static int32_t covers(int32_t overlap, const box_t *a, const box_t *b)
{
    const int32_t h = eq_box_smaller(a->y1, b->y1) - eq_box_larger(a->y0, b->y0);
    const int32_t w = eq_box_smaller(a->x1, b->x1) - eq_box_larger(a->x0, b->x0);
    return eq_box_shares(overlap, size_of(a), size_of(b), h, w);
}

/* The best score behind `last` (a score, and its place among equals), or n. */
static uint32_t next_box(const eq_nms_s8_t *p, const int8_t *scores, int32_t last, uint32_t at)
{
    uint32_t best = p->n;
    int32_t most = p->least - 1;
    for (uint32_t i = 0; i < p->n; i++) {
        if (scores[i] > most && (scores[i] < last || (scores[i] == last && i > at))) {
            most = scores[i];
            best = i;
        }
    }
    return best;
}

void eq_nms_s8(const eq_nms_s8_t *p, const int8_t *boxes, const int8_t *scores,
               int32_t *restrict rows, int32_t *restrict count)
{
    uint32_t total = 0;
    for (uint32_t c = 0; c < p->classes; c++, scores += p->n) {
        const uint32_t first = total;
        uint32_t i = next_box(p, scores, INT8_MAX + 1, 0);
        for (; i < p->n && total < first + p->most; i = next_box(p, scores, scores[i], i)) {
            const box_t box = box_of(p, boxes + 4 * i);
            uint32_t j = first;
            for (; j < total; j++) {
                const box_t other = box_of(p, boxes + 4 * rows[3 * j + 2]);
                if (covers(p->overlap, &box, &other)) {
                    break;
                }
            }
            if (j == total) {
                rows[3 * total] = 0;
                rows[3 * total + 1] = (int32_t)c;
                rows[3 * total++ + 2] = (int32_t)i;
            }
        }
    }
    *count = (int32_t)total;
    for (uint32_t k = 3 * total; k < 3 * p->classes * p->most; k++) {
        rows[k] = -1;
    }
}
