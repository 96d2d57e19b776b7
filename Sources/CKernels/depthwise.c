// Convolution of single planes, as in depthwise layers: one filter of a few taps per plane.
//
// A few output rows at a time. The input rows they read are copied once with their margin of zeros, elements that are
// `stride` apart next to each other, so that every tap is a run of consecutive numbers; then four output rows share what
// they read. Sums run over the taps in their order. The filters in common use are compiled with their sizes known.

#include "vectors.h"

enum {
    TOGETHER = 4,  // output rows that share what they read: 4 sums and up to 10 rows of inputs
    BLOCK = 16     // output rows between two copies: at a width of 112 the copy is 10 kB, at stride 2 20 kB
};

#define SPLAT16(x) ((v16){(x), (x), (x), (x), (x), (x), (x), (x), (x), (x), (x), (x), (x), (x), (x), (x)})
#define PICK16(mask, a, b) ((v16)(((i16)(mask) & (i16)(a)) | (~(i16)(mask) & (i16)(b))))

CK_INLINE void every_second(const float *x, ptrdiff_t count, float *out) {
    ptrdiff_t i = 0;
    for (; i + 16 <= count; i += 16) {
        // The second vector begins one early, so that nothing is read beyond the last element.
        v16 a = *(const v16 *)(x + 2 * i), b = *(const v16 *)(x + 2 * i + 15);
        *(v16 *)(out + i) = __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 17, 19, 21, 23, 25, 27, 29, 31);
    }
    for (; i < count; i++) out[i] = x[2 * i];
}

CK_CLONES void ck_every(const float *x, ptrdiff_t stride, ptrdiff_t count, float *out) {
    if (stride == 2) return every_second(x, count, out);
    for (ptrdiff_t i = 0; i < count; i++) out[i] = x[i * stride];
}

// Floats of one copied input row, per phase of the horizontal stride: whole vectors from any output column on.
CK_INLINE ptrdiff_t phase_width(const ck_plane_convolution *c) {
    return (c->out_width + (c->kernel_width - 1) * c->dilation_x / c->stride_x + 31) & ~(ptrdiff_t)15;
}

CK_INLINE ptrdiff_t block_rows(const ck_plane_convolution *c, ptrdiff_t rows) {
    return (rows - 1) * c->stride_y + (c->kernel_height - 1) * c->dilation_y + 1;
}

ptrdiff_t ck_plane_convolution_workspace(const ck_plane_convolution *c) {
    return block_rows(c, BLOCK) * c->stride_x * phase_width(c);
}

// Copies whole vectors, the last of which overlaps the one before.
CK_INLINE void copy_run(const float *from, ptrdiff_t count, float *to) {
    if (count >= 16) {
        for (ptrdiff_t i = 0; i < count - 16; i += 16) *(v16 *)(to + i) = *(const v16 *)(from + i);
        *(v16 *)(to + count - 16) = *(const v16 *)(from + count - 16);
    } else if (count >= 8) {
        v8f a = *(const v8f *)from, b = *(const v8f *)(from + count - 8);
        *(v8f *)to = a;
        *(v8f *)(to + count - 8) = b;
    } else if (count >= 4) {
        v4f a = *(const v4f *)from, b = *(const v4f *)(from + count - 4);
        *(v4f *)to = a;
        *(v4f *)(to + count - 4) = b;
    } else {
        for (ptrdiff_t i = 0; i < count; i++) to[i] = from[i];
    }
}

// Element i of phase f of a copied row is column i·stride + f − left of the image.
CK_INLINE void copy_row(const ck_plane_convolution *c, const float *plane, ptrdiff_t row, ptrdiff_t width, ptrdiff_t sx, float *to) {
    for (ptrdiff_t f = 0; f < sx; f++, to += width) {
        for (ptrdiff_t i = 0; i < width; i += 16) *(v16 *)(to + i) = SPLAT16(0.0f);
        if (row < 0 || row >= c->height) continue;
        ptrdiff_t shift = f - c->left;
        ptrdiff_t low = shift >= 0 ? 0 : (-shift + sx - 1) / sx;
        ptrdiff_t high = shift >= c->width ? 0 : (c->width - 1 - shift) / sx + 1;
        if (high > width) high = width;
        if (low >= high) continue;
        const float *from = plane + row * c->width + shift + low * sx;
        if (sx == 1) {
            copy_run(from, high - low, to + low);
        } else if (sx == 2) {
            every_second(from, high - low, to + low);
        } else {
            for (ptrdiff_t i = 0; i < high - low; i++) to[low + i] = from[i * sx];
        }
    }
}

// By address: a vector as an argument would depend on the clone even where the call is inlined.
CK_INLINE void activate(const ck_plane_convolution *c, v16 *value) {
    if (c->activation == CK_CLAMP) {
        v16 low = SPLAT16(c->low), high = SPLAT16(c->high);
        *value = PICK16(low > *value, low, *value);
        *value = PICK16(high < *value, high, *value);
    } else if (c->activation == CK_LEAK) {
        *value = PICK16(*value < 0.0f, *value * SPLAT16(c->low), *value);
    }
}

// Sixteen columns of `rows` output rows. The loops over known filters are unrolled, so that rows share what they read.
CK_INLINE void columns(const float *copy, ptrdiff_t width, const float *filter, float bias, int rows, int known, ptrdiff_t kh,
                       ptrdiff_t kw, ptrdiff_t sy, ptrdiff_t sx, ptrdiff_t dy, ptrdiff_t dx, v16 *sum) {
    for (int r = 0; r < rows; r++) sum[r] = SPLAT16(bias);
#define TAP(ky, kx)                                                                                       \
    {                                                                                                     \
        v16 factor = SPLAT16(filter[(ky) * kw + (kx)]);                                                   \
        const float *at = copy + ((ky) * dy * sx + (kx) * dx % sx) * width + (kx) * dx / sx;              \
        for (int r = 0; r < rows; r++) sum[r] += factor * *(const v16 *)(at + r * sy * sx * width);       \
    }
    if (known) {
        _Pragma("clang loop unroll(full)") for (ptrdiff_t ky = 0; ky < 5; ky++)
            _Pragma("clang loop unroll(full)") for (ptrdiff_t kx = 0; kx < 5; kx++)
                if (ky < kh && kx < kw) TAP(ky, kx)
    } else {
        for (ptrdiff_t ky = 0; ky < kh; ky++)
            for (ptrdiff_t kx = 0; kx < kw; kx++) TAP(ky, kx)
    }
#undef TAP
}

CK_INLINE void plane(const ck_plane_convolution *c, const float *x, const float *filter, float bias, const float *residual, float *y,
                     float *copy, int known, ptrdiff_t kh, ptrdiff_t kw, ptrdiff_t sy, ptrdiff_t sx, ptrdiff_t dy, ptrdiff_t dx) {
    ptrdiff_t width = phase_width(c), w = c->out_width, size = c->out_height * w;
    for (ptrdiff_t block = 0; block < c->out_height; block += BLOCK) {
        ptrdiff_t last = block + BLOCK < c->out_height ? block + BLOCK : c->out_height;
        ptrdiff_t first = block * sy - c->top;
        for (ptrdiff_t i = 0; i < block_rows(c, last - block); i++) copy_row(c, x, first + i, width, sx, copy + i * sx * width);
        for (ptrdiff_t row = block; row < last; row += TOGETHER) {
            const float *top = copy + (row - block) * sy * sx * width;
            int rows = last - row < TOGETHER ? (int)(last - row) : TOGETHER;
            for (ptrdiff_t column = 0; column < w; column += 16) {
                // The last columns of a wide row are computed with some before them once more.
                ptrdiff_t from = w >= 16 && column + 16 > w ? w - 16 : column;
                v16 sum[TOGETHER];
                if (rows == TOGETHER) {
                    columns(top + from, width, filter, bias, TOGETHER, known, kh, kw, sy, sx, dy, dx, sum);
                } else {
                    for (int r = 0; r < rows; r++)
                        columns(top + r * sy * sx * width + from, width, filter, bias, 1, known, kh, kw, sy, sx, dy, dx, sum + r);
                }
                for (int r = 0; r < rows; r++) {
                    ptrdiff_t at = (row + r) * w + from;
                    v16 value = sum[r];
                    if (w >= 16) {
                        if (residual) value += *(const v16 *)(residual + at);
                        activate(c, &value);
                        *(v16 *)(y + at) = value;
                        continue;
                    }
                    // What runs over into the next row is overwritten by it, but nothing may leave the plane.
                    if (residual) {
                        float other[16] = {0};
                        memcpy(other, residual + at, (size_t)w * sizeof(float));
                        value += *(const v16 *)other;
                    }
                    activate(c, &value);
                    if (at + 16 <= size) *(v16 *)(y + at) = value;
                    else memcpy(y + at, &value, (size_t)w * sizeof(float));
                }
            }
        }
    }
}

#define KNOWN(kh, kw, s)                                                                                                   \
    if (c->kernel_height == kh && c->kernel_width == kw && c->stride_y == s && c->stride_x == s && c->dilation_y == 1 &&   \
        c->dilation_x == 1)                                                                                                \
        return plane(c, x, filter, bias, residual, y, copy, 1, kh, kw, s, s, 1, 1);

CK_CLONES void ck_convolve_plane(const ck_plane_convolution *c, const float *x, const float *filter, float bias, const float *residual,
                                 float *y, float *copy) {
    KNOWN(3, 3, 1)
    KNOWN(3, 3, 2)
    KNOWN(5, 5, 1)
    KNOWN(5, 5, 2)
    plane(c, x, filter, bias, residual, y, copy, 0, c->kernel_height, c->kernel_width, c->stride_y, c->stride_x, c->dilation_y,
          c->dilation_x);
}
