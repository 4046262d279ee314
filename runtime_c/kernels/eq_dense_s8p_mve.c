/* eq_dense_s8p_mve - dense layer with packed weights, MVE: some channels are unpacked at a time to
 * records of int8, but for a single row of 4-bit levels, which are multiplied as they are. Scratch: the
 * records (none for such a row), then a row that does not fill its last step of 16. */
#include "eq_dense.h"
#include "eq_mve_gemm.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_mve_packed.h"

/* One row, 4-bit levels: nothing is unpacked. Of a run of weights with the factor m,
 * sum(x * w) = m * (sum(x * t) - 8 * sum(x)) for the stored levels t = 0..15. */
static void row_of_4(const eq_dense_s8_t *p, const int8_t *x, int8_t *out)
{
    const eq_packed_t *h = eq_packed_of(p->weights);
    const int8_t *from = p->weights + sizeof *h;
    const int32_t runs = h->runs, units = h->units, factors = eq_packed_factors(h);
    const int8x16_t mask = vdupq_n_s8(15);
    for (int32_t oc = 0; oc < p->out_c; oc += 4) {
        const uint8_t *m = (const uint8_t *)from;
        const int8_t *packed = from + factors, *col = x;
        int32x4_t sums = vdupq_n_s32(0);
        for (int32_t r = runs; r > 0; r--, m += 4) {
            int32_t a = 0, b = 0, c = 0, d = 0, all = 0;
            int8x16_t v, t, u;
            /* 13 instructions for 64 weights; assembly: GCC moves the sums about */
            __asm__ volatile("dls lr, %[n]\n"
                             "1:\n\t"
                             "vldrb.8 %q[v], [%[col]], #16\n\t"
                             "vldrb.8 %q[t], [%[packed]], #16\n\t"
                             "vaddva.s8 %[all], %q[v]\n\t"
                             "vand %q[u], %q[t], %q[mask]\n\t"
                             "vmladava.s8 %[a], %q[v], %q[u]\n\t"
                             "vshr.u8 %q[t], %q[t], #4\n\t"
                             "vmladava.s8 %[b], %q[v], %q[t]\n\t"
                             "vldrb.8 %q[t], [%[packed]], #16\n\t"
                             "vand %q[u], %q[t], %q[mask]\n\t"
                             "vmladava.s8 %[c], %q[v], %q[u]\n\t"
                             "vshr.u8 %q[t], %q[t], #4\n\t"
                             "vmladava.s8 %[d], %q[v], %q[t]\n\t"
                             "le lr, 1b\n\t"
                             : [col] "+r"(col), [packed] "+r"(packed), [a] "+Te"(a), [b] "+Te"(b),
                               [c] "+Te"(c), [d] "+Te"(d), [all] "+Te"(all), [v] "=&w"(v),
                               [t] "=&w"(t), [u] "=&w"(u)
                             : [n] "r"(units), [mask] "w"(mask)
                             : "lr", "memory");
            const int32x4_t factors4 = vreinterpretq_s32_u32(vldrbq_u32(m));
            int32x4_t part = vdupq_n_s32(0);
            part = vsetq_lane_s32(a, part, 0);
            part = vsetq_lane_s32(b, part, 1);
            part = vsetq_lane_s32(c, part, 2);
            part = vsetq_lane_s32(d, part, 3);
            sums = vaddq_s32(sums, vmulq_s32(vsubq_n_s32(part, 8 * all), factors4));
        }
        const int32_t *tables = (const int32_t *)(const void *)packed;
        const int32x4_t acc = vaddq_s32(sums, vldrwq_s32(tables));
        int32x4_t y = eq_mve_requant(acc, vldrwq_s32(tables + 4), vldrbq_s32(packed + 32));
        y = vaddq_n_s32(y, p->out_zero);
        y = vminq_s32(vmaxq_s32(y, vdupq_n_s32(p->act_min)), vdupq_n_s32(p->act_max));
        vstrbq_p_s32(out + oc, y, vctp32q((uint32_t)(p->out_c - oc)));
        from = packed + 36;
    }
}

void eq_dense_s8p_mve(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                      void *restrict scratch)
{
    const eq_packed_t *h = eq_packed_of(p->weights);
    if (h->bits == 4 && p->rows == 1) {
        const int8_t *col = in;
        if ((p->in_c & 15) != 0) {
            eq_mve_copy(scratch, in, p->in_c);
            col = scratch;
        }
        row_of_4(p, col, out);
        return;
    }
    const int8_t *from = p->weights + sizeof *h;
    int8_t *const records = scratch;
    int8_t *const copy = records + ((h->block / h->channels * eq_packed_record(h, 16) + 15) & ~15);
    eq_mve_gemm_t g = {
        .weights = records, .steps = (p->in_c + 15) / 16,
        .out_zero = p->out_zero, .act_min = p->act_min, .act_max = p->act_max,
    };
    for (int32_t first = 0; first < p->out_c; first += h->block) {
        const int32_t left = p->out_c - first;
        from = eq_mve_unpack_block(h, from, records, left);
        g.out_c = left < h->block ? left : h->block;
        for (int32_t r = 0; r < p->rows; r++) {
            const int8_t *col = in + r * p->in_c;
            if ((p->in_c & 15) != 0) {
                eq_mve_copy(copy, col, p->in_c);
                col = copy;
            }
            eq_mve_gemv_s8(&g, col, out + r * p->out_c + first);
        }
    }
}
#endif
