/* eq_mve_conv2d - convolution, MVE: on input rows interleaved by column, im2col is a slide. */
#include "eq_mve_gemm.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_mve.h"

/* Bytes of strip that are filled at a time, less for wide rows, since those belong to the large
 * tensors; edgeq/kernels/conv2d_mve.py knows them too. */
enum { POINTWISE_STRIP = 512, NARROW_STRIP = 4096, WIDE_STRIP = 1024, WIDE = 17 };

/* `columns` pieces of `n` bytes: from src at distance n to dst at distance `pitch`. */
static void scatter(int8_t *dst, int32_t pitch, const int8_t *src, int32_t n, int32_t columns)
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
                         "add %[s], %[s], %[n]\n\t"
                         "add %[d], %[d], %[pitch]\n\t"
                         "le lr, 1b\n"
                         "2:\n\t"
                         : [d] "+r"(d), [s] "+r"(s)
                         : [rest] "r"(n - done), [columns] "r"(columns), [n] "r"(n),
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

/* strip[x][ky][in_c] for the input columns x0 .. x0 + columns - 1 under output row oy. */
static void fill_strip(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *strip, int32_t oy,
                       int32_t x0, int32_t columns)
{
    const int32_t in_c = p->in_c, pitch = p->kh * in_c;
    const int32_t left = clip(-x0, columns);
    const int32_t inside = clip(p->in_w - x0, columns) - left;
    for (int32_t ky = 0; ky < p->kh; ky++, strip += in_c) {
        const int32_t y = oy * p->stride_h + ky * p->dil_h - p->pad_top;
        const int32_t valid = y >= 0 && y < p->in_h && inside > 0 ? inside : 0;
        const int32_t before = valid != 0 ? left : 0;
        int8_t *d = strip + before * pitch;
        scatter_fill(strip, pitch, p->in_zero, in_c, before);
        if (valid != 0) {
            scatter(d, pitch, in + (y * p->in_w + x0 + left) * in_c, in_c, valid);
        }
        scatter_fill(d + valid * pitch, pitch, p->in_zero, in_c, columns - before - valid);
    }
}

void eq_mve_conv2d(const eq_conv2d_s8_t *p, const eq_mve_gemm_t *g, const int8_t *in, int8_t *out,
                   int8_t *scratch, eq_mve_gemm_fn *gemm)
{
    const int32_t pitch = p->kh * p->in_c, stride = p->stride_w;
    const int32_t pointwise = p->kh == 1 && p->kw == 1 && stride == 1 && p->stride_h == 1 &&
                              p->out_h == p->in_h && p->out_w == p->in_w;
    const int32_t window_strip = p->out_w >= WIDE ? WIDE_STRIP : NARROW_STRIP;
    const int32_t strip = pointwise != 0 ? POINTWISE_STRIP : window_strip;
    const int32_t fit = ((strip / pitch - p->kw) / stride + 1) & ~1, chunk = fit < 2 ? 2 : fit;
    /* a pointwise layer is one long row: its strip is the input as it stands */
    const int32_t rows = pointwise != 0 ? 1 : p->out_h;
    const int32_t width = pointwise != 0 ? p->out_h * p->out_w : p->out_w;
    for (int32_t oy = 0; oy < rows; oy++) {
        for (int32_t ox = 0; ox < width; ox += chunk) {
            const int32_t n = width - ox < chunk ? width - ox : chunk;
            if (pointwise != 0) {
                eq_mve_copy(scratch, in + ox * pitch, n * pitch);
            } else {
                fill_strip(p, in, scratch, oy, ox * stride - p->pad_left, (n - 1) * stride + p->kw);
            }
            gemm(g, scratch, stride * pitch, n, out);
            out += n * p->out_c;
        }
    }
}
#endif
