// Rows of weighted sums: as rows of an elimination, added up, and added up in two-term arithmetic.

#include "rows.h"

// Two-term arithmetic (Dekker 1971, Knuth's two-sum); a fused multiply-add gives the error of a product exactly.
CK_CLONES void ck_axpy_compensated(double x, const double *row, ptrdiff_t width, double *high, double *low) {
#pragma clang fp contract(off) reassociate(off)
    v8 factor = CK_SPLAT(x);
    for (ptrdiff_t j = 0; j < width; j += 8) {
        v8 value = *(const v8 *)(row + j), h = *(const v8 *)(high + j), l = *(const v8 *)(low + j);
        v8 product = factor * value;
        v8 product_error = __builtin_elementwise_fma(factor, value, -product);
        v8 sum = h + product;
        v8 part = sum - h;
        v8 sum_error = (h - (sum - part)) + (product - part);
        *(v8 *)(high + j) = sum;
        *(v8 *)(low + j) = l + (sum_error + product_error);
    }
}

CK_CLONES void ck_sum_rows(const double *rows, ptrdiff_t count, ptrdiff_t stride, double *sum) {
    for (ptrdiff_t j = 0; j < stride; j += 8) {
        v8 part[4] = {CK_SPLAT(0.0), CK_SPLAT(0.0), CK_SPLAT(0.0), CK_SPLAT(0.0)};
        const double *at = rows + j;
        ptrdiff_t i = 0;
        for (; i + 4 <= count; i += 4, at += 4 * stride)
            for (int k = 0; k < 4; k++) part[k] += *(const v8 *)(at + k * stride);
        for (; i < count; i++, at += stride) part[0] += *(const v8 *)at;
        *(v8 *)(sum + j) = (part[0] + part[1]) + (part[2] + part[3]);
    }
}

CK_CLONES void ck_add_deviations(const double *rows, ptrdiff_t count, const double *shift, ptrdiff_t dimension, ptrdiff_t stride,
                                 double *sum) {
    for (ptrdiff_t i = 0; i < count; i++, rows += stride) {
        v8 mass = CK_SPLAT(rows[dimension]);
        for (ptrdiff_t j = 0; j < dimension; j += 8) *(v8 *)(sum + j) += CK_ABS(*(const v8 *)(rows + j) - mass * *(const v8 *)(shift + j));
    }
}

CK_CLONES void ck_weighted_row(const double *sum, double mass, double factor, const double *shift, ptrdiff_t dimension,
                               ptrdiff_t stride, double *row) {
    weighted_row(sum, mass, factor, shift, dimension, stride, row);
}

CK_CLONES void ck_weighted_row_f32(const double *sum, double total, double factor, const double *shift, const double *scale,
                                   ptrdiff_t dimension, ptrdiff_t stride, float *row) {
    v8 mass = CK_SPLAT(total), weight = CK_SPLAT(factor), last = CK_SPLAT((double)dimension);
    ptrdiff_t j = 0;
    for (; j <= dimension; j += 8) {
        v8 lanes = CK_LANES + CK_SPLAT((double)j);
        v8 value = *(const v8 *)(sum + j) - mass * *(const v8 *)(shift + j);
        value = CK_SELECT(lanes == last, mass, (v8)((i8)value & (lanes < last)));
        *(v8f *)(row + j) = __builtin_convertvector(weight * value * *(const v8 *)(scale + j), v8f);
    }
    for (; j < stride; j++) row[j] = 0;
}
