/* eq_mve_conv2d - convolution, MVE: on input rows interleaved by column, im2col is a slide; with
 * dilated columns every output has columns of its own. */
#include "eq_mve_gemm.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_mve.h"

/* Bytes of strip that are filled at a time, less for wide rows, since those belong to the large
 * tensors; edgeq/kernels/conv2d_mve.py knows them too. */
enum { POINTWISE_STRIP = 512, NARROW_STRIP = 4096, WIDE_STRIP = 1024, WIDE = 17 };

/* `columns` pieces of `n` bytes: from src at distance `step` to dst at distance `pitch`. */
static void scatter(int8_t *dst, int32_t pitch, const int8_t *src, int32_t step, int32_t n,
                    int32_t columns)
{
    for (int32_t done = 0; done < n; done += 16) {
        int8_t *d = dst + done;
        const int8_t *s = src + done;
        __asm__ volatile("vctp.8 %[rest]\n\t"
                         "wls lr, %[columns], 2f\n"
                         "1:\n\t"
                         "vpstt\n\t"
                         "vldrbt.8 q0, [%[s]]\n\t"
                         "vstrbt.8 q0, [%[d]]\n\t"
                         "add %[s], %[s], %[step]\n\t"
                         "add %[d], %[d], %[pitch]\n\t"
                         "le lr, 1b\n"
                         "2:\n\t"
                         : [d] "+r"(d), [s] "+r"(s)
                         : [rest] "r"(n - done), [columns] "r"(columns), [step] "r"(step),
                           [pitch] "r"(pitch)
                         : "lr", "q0", "memory");
    }
}

/* The same with one value instead of a source. */
static void scatter_fill(int8_t *dst, int32_t pitch, int32_t value, int32_t n, int32_t columns)
{
    for (; columns > 0; columns--, dst += pitch) {
        eq_mve_fill(dst, value, n);
    }
}

static inline int32_t clip(int32_t x, int32_t high)
{
    return x < 0 ? 0 : (x > high ? high : x);
}

/* The number of steps from x until `end` is reached, at most `most`. */
static inline int32_t steps_to(int32_t x, int32_t end, int32_t step, int32_t most)
{
    return step == 1 ? clip(end - x, most) : clip((end - x + step - 1) / step, most);
}

/* strip[i][ky][in_c] for the input columns x0 + i * step, i < columns, under output row oy. */
static void fill_strip(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *strip, int32_t oy,
                       int32_t x0, int32_t step, int32_t columns)
{
    const int32_t in_c = p->in_c, pitch = p->kh * in_c;
    const int32_t left = steps_to(x0, 0, step, columns);
    const int32_t inside = steps_to(x0, p->in_w, step, columns) - left;
    for (int32_t ky = 0; ky < p->kh; ky++, strip += in_c) {
        const int32_t y = oy * p->stride_h + ky * p->dil_h - p->pad_top;
        const int32_t valid = y >= 0 && y < p->in_h && inside > 0 ? inside : 0;
        const int32_t before = valid != 0 ? left : 0;
        int8_t *d = strip + before * pitch;
        scatter_fill(strip, pitch, p->in_zero, in_c, before);
        if (valid != 0) {
            const int8_t *from = in + (y * p->in_w + x0 + left * step) * in_c;
            scatter(d, pitch, from, step * in_c, in_c, valid);
        }
        scatter_fill(d + valid * pitch, pitch, p->in_zero, in_c, columns - before - valid);
    }
}

void eq_mve_conv2d(const eq_conv2d_s8_t *p, const eq_mve_gemm_t *g, const int8_t *in, int8_t *out,
                   int8_t *scratch, eq_mve_gemm_fn *gemm)
{
    const int32_t pitch = p->kh * p->in_c, stride = p->stride_w, kw = p->kw;
    const int32_t pointwise = p->kh == 1 && kw == 1 && stride == 1 && p->stride_h == 1 &&
                              p->out_h == p->in_h && p->out_w == p->in_w;
    const int32_t dilated = p->dil_w != 1;
    const int32_t window_strip = p->out_w >= WIDE ? WIDE_STRIP : NARROW_STRIP;
    const int32_t columns = (pointwise != 0 ? POINTWISE_STRIP : window_strip) / pitch;
    const int32_t fit = (dilated != 0 ? columns / kw : (columns - kw) / stride + 1) & ~1;
    const int32_t chunk = fit < 2 ? 2 : fit;
    const int32_t distance = (dilated != 0 ? kw : stride) * pitch;
    /* a pointwise layer is one long row: its strip is the input as it stands */
    const int32_t rows = pointwise != 0 ? 1 : p->out_h;
    const int32_t width = pointwise != 0 ? p->out_h * p->out_w : p->out_w;
    for (int32_t oy = 0; oy < rows; oy++) {
        for (int32_t ox = 0; ox < width; ox += chunk) {
            const int32_t n = width - ox < chunk ? width - ox : chunk;
            const int32_t x0 = ox * stride - p->pad_left;
            if (pointwise != 0) {
                eq_mve_copy(scratch, in + ox * pitch, n * pitch);
            } else if (dilated == 0) {
                fill_strip(p, in, scratch, oy, x0, 1, (n - 1) * stride + kw);
            }
            for (int32_t i = 0; i < n && dilated != 0; i++) {
                fill_strip(p, in, scratch + i * distance, oy, x0 + i * stride, p->dil_w, kw);
            }
            gemm(g, scratch, distance, n, out);
            out += n * p->out_c;
        }
    }
}
#endif
