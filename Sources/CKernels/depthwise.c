// Convolution of single planes, as in depthwise layers: one filter of a few taps per plane.
//
// Eight output rows at a time, which share what they read. Filters in common use are compiled with their sizes known and read the
// image itself, lanes beyond its sides masked: half the time of copies for EfficientNet-Lite0's, whose planes are small. For others
// the rows that are read are copied once with their margin of zeros, elements that are `stride` apart next to each other, so that
// every tap is a run of consecutive numbers. Sums run over the taps in a fixed order.

#include "lanes.h"

enum {
    TOGETHER = 8,  // output rows computed at once: as many sums as two units of latency four keep under way
    MOST_ROWS = 2 * (TOGETHER - 1) + 7,  // rows of the image that these read, for filters of known size
    BLOCK = 16     // output rows between two copies: at a width of 112 the copy is 10 kB, at stride 2 20 kB
};

// Floats of one copied input row, per phase of the horizontal stride: whole vectors from any output column on.
CK_INLINE ptrdiff_t phase_width(const ck_plane_convolution *c) {
    return (c->out_width + (c->kernel_width - 1) * c->dilation_x / c->stride_x + 31) & ~(ptrdiff_t)15;
}

CK_INLINE ptrdiff_t block_rows(const ck_plane_convolution *c, ptrdiff_t rows) {
    return (rows - 1) * c->stride_y + (c->kernel_height - 1) * c->dilation_y + 1;
}

ptrdiff_t ck_plane_convolution_workspace(const ck_plane_convolution *c) {
    ptrdiff_t copy = block_rows(c, BLOCK) * c->stride_x * phase_width(c);
    // A row of zeros where nothing is copied.
    return (copy > c->width ? copy : c->width) + 16;
}

#define TEMPLATE "plane.h"
#include "widths.h"

void ck_convolve_plane(const ck_plane_convolution *c, const float *x, const float *filter, float bias, const float *residual, float *y,
                       float *workspace) {
    // On a line of the cache, as the rows of the copy are whole lines.
    float *copy = (float *)(((uintptr_t)workspace + 63) & ~(uintptr_t)63);
    BY_WIDEST(convolve_plane, c, x, filter, bias, residual, y, copy);
}

void ck_plane_filter_slopes(const ck_plane_convolution *c, const float *x, const float *dy, float *slopes, float *workspace) {
    float *copy = (float *)(((uintptr_t)workspace + 63) & ~(uintptr_t)63);
    BY_WIDEST(plane_filter_slopes, c, x, dy, slopes, copy);
}
