// Rows of images: shifted copies, maxima and sums over windows.

#include "lanes.h"

CK_INLINE void every(const float *x, ptrdiff_t stride, ptrdiff_t count, float *out) {
    ptrdiff_t i = 0;
    // The second vector begins one early, so that nothing is read beyond the last element.
    if (stride == 2)
        for (; i + 16 <= count; i += 16) {
            v16 a = *(const v16 *)(x + 2 * i), b = *(const v16 *)(x + 2 * i + 15);
            *(v16 *)(out + i) = __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 17, 19, 21, 23, 25, 27, 29, 31);
        }
    for (; i < count; i++) out[i] = x[i * stride];
}

#define TEMPLATE "shift.h"
#include "widths.h"

CK_CLONES static void shift_strided(const float *x, ptrdiff_t x_stride, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t low, ptrdiff_t high,
                                    ptrdiff_t width, float *out) {
    for (ptrdiff_t row = 0; row < rows; row++, x += x_stride, out += width) {
        for (ptrdiff_t i = 0; i < low; i++) out[i] = 0;
        if (low < high) every(x + low * stride, stride, high - low, out + low);
        for (ptrdiff_t i = high; i < width; i++) out[i] = 0;
    }
}

void ck_shift_rows(const float *x, ptrdiff_t x_stride, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t low, ptrdiff_t high, ptrdiff_t width,
                   float *out) {
    if (stride != 1) return shift_strided(x, x_stride, stride, rows, low, high, width, out);
    BY_WIDEST(shift, x, x_stride, rows, low, high, width, out);
}

CK_CLONES void ck_row_maximum(const float *x, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t count, float *out) {
    for (ptrdiff_t i = 0; i < count; i++) out[i] = -__builtin_inff();
    for (ptrdiff_t row = 0; row < rows; row++, x += stride)
        for (ptrdiff_t i = 0; i < count; i++) out[i] = x[i] > out[i] ? x[i] : out[i];
}

CK_CLONES void ck_row_sum(const float *x, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t count, float *out) {
    for (ptrdiff_t i = 0; i < count; i++) out[i] = 0;
    for (ptrdiff_t row = 0; row < rows; row++, x += stride)
        for (ptrdiff_t i = 0; i < count; i++) out[i] += x[i];
}

CK_CLONES void ck_window_maximum(const float *x, ptrdiff_t window, ptrdiff_t stride, ptrdiff_t count, float *out) {
    float piece[256];
    for (ptrdiff_t first = 0; first < count; first += 256) {
        ptrdiff_t size = count - first < 256 ? count - first : 256;
        every(x + first * stride, stride, size, out + first);
        for (ptrdiff_t k = 1; k < window; k++) {
            every(x + first * stride + k, stride, size, piece);
            for (ptrdiff_t i = 0; i < size; i++) out[first + i] = piece[i] > out[first + i] ? piece[i] : out[first + i];
        }
    }
}

CK_CLONES void ck_window_sum(const float *x, ptrdiff_t window, ptrdiff_t stride, ptrdiff_t count, float *out) {
    float piece[256];
    for (ptrdiff_t first = 0; first < count; first += 256) {
        ptrdiff_t size = count - first < 256 ? count - first : 256;
        every(x + first * stride, stride, size, out + first);
        for (ptrdiff_t k = 1; k < window; k++) {
            every(x + first * stride + k, stride, size, piece);
            for (ptrdiff_t i = 0; i < size; i++) out[first + i] += piece[i];
        }
    }
}
