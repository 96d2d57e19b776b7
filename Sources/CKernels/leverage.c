// Squared norms of an affine image of every point: the read of the data in which an ellipsoid method spends its time.
//
// For short points a matrix product is bound by packing; here the matrix stays in the first-level cache, the images of
// eight points stay in registers, and a point is read once. A lower triangular matrix costs half.

#include "vectors.h"

// Lane i of *out is base plus the sum of the lanes of a[i].
CK_INLINE void row_sums(const v8 a[8], double base, v8 *out) {
    v8 b[4], c[2];
    for (int i = 0; i < 4; i++)
        b[i] = __builtin_shufflevector(a[2 * i], a[2 * i + 1], 0, 8, 2, 10, 4, 12, 6, 14) +
               __builtin_shufflevector(a[2 * i], a[2 * i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
    for (int i = 0; i < 2; i++)
        c[i] = __builtin_shufflevector(b[2 * i], b[2 * i + 1], 0, 1, 8, 9, 4, 5, 12, 13) +
               __builtin_shufflevector(b[2 * i], b[2 * i + 1], 2, 3, 10, 11, 6, 7, 14, 15);
    *out = CK_SPLAT(base) + (__builtin_shufflevector(c[0], c[1], 0, 1, 2, 3, 8, 9, 10, 11) +
                             __builtin_shufflevector(c[0], c[1], 4, 5, 6, 7, 12, 13, 14, 15));
}

// Eight points, images of N vectors; columns of the matrix are 8·N apart. With `lower`, vector v of column k is zero
// for 8·v + 7 < k.
#define CK_DEFINE_EIGHT(T, SUFFIX, N)                                                                                  \
    CK_INLINE void eight_##SUFFIX##_##N(const T *x, ptrdiff_t d, const double *o, const double *w,                     \
                                        const double *offset, int lower, double base, v8 *out) {                       \
        v8 z[8][N], sums[8];                                                                                           \
        for (int p = 0; p < 8; p++)                                                                                    \
            for (int v = 0; v < N; v++) z[p][v] = -*(const v8 *)(offset + 8 * v);                                      \
        _Pragma("clang loop unroll(full)") for (int first = 0; first < N; first++) {                                   \
            ptrdiff_t stop = first == N - 1 ? d : 8 * first + 8 < d ? 8 * first + 8 : d;                               \
            for (ptrdiff_t k = 8 * first; k < stop; k++) {                                                             \
                v8 origin = CK_SPLAT(o[k]);                                                                            \
                _Pragma("clang loop unroll(full)") for (int p = 0; p < 8; p++) {                                       \
                    v8 value = CK_SPLAT((double)x[p * d + k]) - origin;                                                \
                    _Pragma("clang loop unroll(full)") for (int v = 0; v < N; v++)                                     \
                        if (!lower || v >= first) z[p][v] += *(const v8 *)(w + 8 * (N * k + v)) * value;               \
                }                                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
        for (int p = 0; p < 8; p++) {                                                                                  \
            sums[p] = z[p][0] * z[p][0];                                                                               \
            for (int v = 1; v < N; v++) sums[p] += z[p][v] * z[p][v];                                                  \
        }                                                                                                              \
        row_sums(sums, base, out);                                                                                     \
    }

#define CK_LEVERAGE_CASE(SUFFIX, N)                                                                                    \
    case N:                                                                                                            \
        for (; i + 8 <= count; i += 8)                                                                                 \
            if (lower) eight_##SUFFIX##_##N(x + i * d, d, o, w, offset, 1, constant, (v8 *)(out + i));                 \
            else eight_##SUFFIX##_##N(x + i * d, d, o, w, offset, 0, constant, (v8 *)(out + i));                       \
        if (i < count) {                                                                                               \
            if (lower) eight_##SUFFIX##_##N(last, d, o, w, offset, 1, constant, &rest);                                \
            else eight_##SUFFIX##_##N(last, d, o, w, offset, 0, constant, &rest);                                      \
        }                                                                                                              \
        break;

#define CK_DEFINE_LEVERAGES(T, SUFFIX)                                                                                 \
    CK_DEFINE_EIGHT(T, SUFFIX, 1)                                                                                      \
    CK_DEFINE_EIGHT(T, SUFFIX, 2)                                                                                      \
    CK_DEFINE_EIGHT(T, SUFFIX, 3)                                                                                      \
    CK_CLONES void ck_leverages_##SUFFIX(const T *x, ptrdiff_t d, ptrdiff_t count, const double *o, const double *w,   \
                                         ptrdiff_t vectors, const double *offset, int lower, double constant,          \
                                         double *out) {                                                                \
        v8 rest = CK_SPLAT(constant);                                                                                  \
        ptrdiff_t i = 0;                                                                                               \
        T last[8 * 8 * CK_LEVERAGE_VECTORS];                                                                           \
        ptrdiff_t left = count % 8;                                                                                    \
        if (left) {                                                                                                    \
            memset(last, 0, sizeof last);                                                                              \
            memcpy(last, x + (count - left) * d, (size_t)(left * d) * sizeof(T));                                      \
        }                                                                                                              \
        switch (vectors) {                                                                                             \
            CK_LEVERAGE_CASE(SUFFIX, 1)                                                                                \
            CK_LEVERAGE_CASE(SUFFIX, 2)                                                                                \
            CK_LEVERAGE_CASE(SUFFIX, 3)                                                                                \
        }                                                                                                              \
        for (ptrdiff_t j = 0; j < left; j++) out[i + j] = rest[j];                                                     \
    }

CK_DEFINE_LEVERAGES(double, f64)
CK_DEFINE_LEVERAGES(float, f32)

// A lower triangular matrix, points in lanes: what is zero costs nothing, and four rows of eight points hide the latency
// of a product.

typedef double v4 __attribute__((vector_size(32), aligned(8)));
typedef float v4f __attribute__((vector_size(16), aligned(4)));

// out[8·k + p] = coordinate k of point p, less the origin's; d ≥ 4. The last block overlaps the one before it.
#define CK_DEFINE_TRIANGULAR(T, V, SUFFIX)                                                                             \
    CK_INLINE void transpose_##SUFFIX(const T *x, ptrdiff_t d, const double *o, double *out) {                         \
        for (ptrdiff_t next = 0; next < d; next += 4) {                                                                \
            ptrdiff_t k = next + 4 <= d ? next : d - 4;                                                                \
            v4 origin = *(const v4 *)(o + k);                                                                          \
            for (int p = 0; p < 8; p += 4) {                                                                           \
                const T *from = x + p * d + k;                                                                         \
                v4 a = __builtin_convertvector(*(const V *)from, v4) - origin;                                         \
                v4 b = __builtin_convertvector(*(const V *)(from + d), v4) - origin;                                   \
                v4 c = __builtin_convertvector(*(const V *)(from + 2 * d), v4) - origin;                               \
                v4 e = __builtin_convertvector(*(const V *)(from + 3 * d), v4) - origin;                               \
                v4 ab = __builtin_shufflevector(a, b, 0, 4, 2, 6), ba = __builtin_shufflevector(a, b, 1, 5, 3, 7);     \
                v4 ce = __builtin_shufflevector(c, e, 0, 4, 2, 6), ec = __builtin_shufflevector(c, e, 1, 5, 3, 7);     \
                double *to = out + 8 * k + p;                                                                          \
                *(v4 *)to = __builtin_shufflevector(ab, ce, 0, 1, 4, 5);                                               \
                *(v4 *)(to + 8) = __builtin_shufflevector(ba, ec, 0, 1, 4, 5);                                         \
                *(v4 *)(to + 16) = __builtin_shufflevector(ab, ce, 2, 3, 6, 7);                                        \
                *(v4 *)(to + 24) = __builtin_shufflevector(ba, ec, 2, 3, 6, 7);                                        \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    CK_CLONES void ck_triangular_leverages_##SUFFIX(const T *x, ptrdiff_t d, ptrdiff_t count, const double *o,         \
                                                    const double *w, const double *offset, double constant,            \
                                                    double *out) {                                                     \
        double points[8 * CK_TRIANGULAR_LONGEST] __attribute__((aligned(64)));                                         \
        T last[8 * CK_TRIANGULAR_LONGEST];                                                                             \
        for (ptrdiff_t i = 0; i < count; i += 8) {                                                                     \
            const T *eight = x + i * d;                                                                                \
            ptrdiff_t size = count - i < 8 ? count - i : 8;                                                            \
            if (size < 8) {                                                                                            \
                memset(last, 0, sizeof last);                                                                          \
                memcpy(last, eight, (size_t)(size * d) * sizeof(T));                                                   \
                eight = last;                                                                                          \
            }                                                                                                          \
            transpose_##SUFFIX(eight, d, o, points);                                                                   \
            const double *entry = w;                                                                                   \
            v8 sum = CK_SPLAT(constant);                                                                               \
            for (ptrdiff_t row = 0; row < d; row += 4) {                                                               \
                ptrdiff_t stop = row + 4 < d ? row + 4 : d;                                                            \
                v8 a = -CK_SPLAT(offset[row]), b = -CK_SPLAT(offset[row + 1]);                                         \
                v8 c = -CK_SPLAT(offset[row + 2]), e = -CK_SPLAT(offset[row + 3]);                                     \
                for (ptrdiff_t k = 0; k < stop; k++, entry += 4) {                                                     \
                    v8 value = *(const v8 *)(points + 8 * k);                                                          \
                    a += value * entry[0];                                                                             \
                    b += value * entry[1];                                                                             \
                    c += value * entry[2];                                                                             \
                    e += value * entry[3];                                                                             \
                }                                                                                                      \
                sum += (a * a + b * b) + (c * c + e * e);                                                              \
            }                                                                                                          \
            if (size == 8) *(v8 *)(out + i) = sum;                                                                     \
            else for (ptrdiff_t j = 0; j < size; j++) out[i + j] = sum[j];                                             \
        }                                                                                                              \
    }

CK_DEFINE_TRIANGULAR(double, v4, f64)
CK_DEFINE_TRIANGULAR(float, v4f, f32)

CK_CLONES void ck_column_norms(const double *z, ptrdiff_t rows, ptrdiff_t count, const double *offset, double base,
                               double *out) {
    for (ptrdiff_t j = 0; j < count; j++) {
        const double *column = z + j * rows;
        v8 a = CK_SPLAT(0.0), b = a;
        ptrdiff_t k = 0;
        for (; k + 16 <= rows; k += 16) {
            v8 x = *(const v8 *)(column + k), y = *(const v8 *)(column + k + 8);
            if (offset) {
                x -= *(const v8 *)(offset + k);
                y -= *(const v8 *)(offset + k + 8);
            }
            a += x * x;
            b += y * y;
        }
        a += b;
        double sum = ((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7]));
        for (; k < rows; k++) {
            double x = column[k] - (offset ? offset[k] : 0);
            sum += x * x;
        }
        out[j] = base + sum;
    }
}

CK_CLONES void ck_square_strip_f32(float *a, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t stride) {
    for (ptrdiff_t j = 0; j < columns; j++)
        for (ptrdiff_t i = j; i < rows; i++) a[i + j * stride] *= a[i + j * stride];
}

CK_CLONES void ck_square_strip_f64(double *a, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t stride) {
    for (ptrdiff_t j = 0; j < columns; j++)
        for (ptrdiff_t i = j; i < rows; i++) a[i + j * stride] *= a[i + j * stride];
}

#define CK_SUM8(a) (((a[0] + a[4]) + (a[1] + a[5])) + ((a[2] + a[6]) + (a[3] + a[7])))

// Four columns at a time: an entry is read once, for both triangles.
CK_CLONES void ck_strip_product_f32(const float *a, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t stride, const float *x,
                                    float *y) {
    ptrdiff_t j = 0;
    for (; j + 4 <= columns; j += 4) {
        const float *c0 = a + j * stride, *c1 = c0 + stride, *c2 = c1 + stride, *c3 = c2 + stride;
        float x0 = x[j], x1 = x[j + 1], x2 = x[j + 2], x3 = x[j + 3];
        // The triangle of order 4 on the diagonal.
        float s0 = c0[j] * x0 + c0[j + 1] * x1 + c0[j + 2] * x2 + c0[j + 3] * x3;
        float s1 = c0[j + 1] * x0 + c1[j + 1] * x1 + c1[j + 2] * x2 + c1[j + 3] * x3;
        float s2 = c0[j + 2] * x0 + c1[j + 2] * x1 + c2[j + 2] * x2 + c2[j + 3] * x3;
        float s3 = c0[j + 3] * x0 + c1[j + 3] * x1 + c2[j + 3] * x2 + c3[j + 3] * x3;
        v8f t0 = {0}, t1 = t0, t2 = t0, t3 = t0;
        ptrdiff_t i = j + 4;
        for (; i + 8 <= rows; i += 8) {
            v8f a0 = *(const v8f *)(c0 + i), a1 = *(const v8f *)(c1 + i);
            v8f a2 = *(const v8f *)(c2 + i), a3 = *(const v8f *)(c3 + i);
            v8f value = *(const v8f *)(x + i);
            *(v8f *)(y + i) += (a0 * x0 + a1 * x1) + (a2 * x2 + a3 * x3);
            t0 += a0 * value;
            t1 += a1 * value;
            t2 += a2 * value;
            t3 += a3 * value;
        }
        for (; i < rows; i++) {
            y[i] += (c0[i] * x0 + c1[i] * x1) + (c2[i] * x2 + c3[i] * x3);
            s0 += c0[i] * x[i];
            s1 += c1[i] * x[i];
            s2 += c2[i] * x[i];
            s3 += c3[i] * x[i];
        }
        y[j] += s0 + CK_SUM8(t0);
        y[j + 1] += s1 + CK_SUM8(t1);
        y[j + 2] += s2 + CK_SUM8(t2);
        y[j + 3] += s3 + CK_SUM8(t3);
    }
    for (; j < columns; j++) {
        const float *c = a + j * stride;
        float s = c[j] * x[j];
        for (ptrdiff_t i = j + 1; i < rows; i++) {
            y[i] += c[i] * x[j];
            s += c[i] * x[i];
        }
        y[j] += s;
    }
}

CK_CLONES void ck_scale_columns(const double *a, ptrdiff_t rows, ptrdiff_t count, const double *scale, double *out) {
    for (ptrdiff_t j = 0; j < count; j++)
        for (ptrdiff_t k = 0; k < rows; k++) out[k + j * rows] = scale[j] * a[k + j * rows];
}

CK_CLONES void ck_shift_f64(const double *x, ptrdiff_t d, ptrdiff_t count, const double *origin, double *out) {
    for (ptrdiff_t j = 0; j < count; j++)
        for (ptrdiff_t k = 0; k < d; k++) out[k + j * d] = x[k + j * d] - origin[k];
}

CK_CLONES void ck_shift_f32(const float *x, ptrdiff_t d, ptrdiff_t count, const double *origin, double *out) {
    for (ptrdiff_t j = 0; j < count; j++)
        for (ptrdiff_t k = 0; k < d; k++) out[k + j * d] = (double)x[k + j * d] - origin[k];
}

CK_CLONES double ck_largest(const double *x, ptrdiff_t count, double *sum) {
    v8 most = CK_SPLAT(-__builtin_inf()), total = CK_SPLAT(0.0);
    ptrdiff_t i = 0;
    for (; i + 8 <= count; i += 8) {
        v8 value = *(const v8 *)(x + i);
        i8 larger = value > most;
        most = CK_SELECT(larger, value, most);
        total += value;
    }
    double result = -__builtin_inf(), rest = 0;
    for (int lane = 0; lane < 8; lane++) {
        if (most[lane] > result) result = most[lane];
        rest += total[lane];
    }
    for (; i < count; i++) {
        if (x[i] > result) result = x[i];
        rest += x[i];
    }
    *sum = rest;
    return result;
}
