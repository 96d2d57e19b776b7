// Second moments of consecutive points: z = x − anchor and the products zᵢzⱼ, i ≤ j, one by one or summed.
//
// Sums of products are a symmetric rank-k update of a few dozen points: too small for BLAS, and ten times cheaper than
// to write the products of every point down and add them up. Blocks of rows × 8 products stay in registers over a batch.

#include "vectors.h"

enum {
    LONGEST = CK_SECOND_MOMENT_LONGEST,
    BATCH = 32,  // points whose products are summed in registers: bounds the rounding error
    PADDING = 8  // zeros behind a row of the square, so that it can be read in whole vectors from any column
};

// Rows [i, i + rows) × columns [j, j + 8) of Σ wz·zᵀ over a batch, and of Σ |wz|·|z|ᵀ when `magnitude` is not null.
CK_INLINE void product_block(const double *z, const double *wz, ptrdiff_t count, ptrdiff_t packed, ptrdiff_t i, ptrdiff_t j,
                             int rows, int adds, double *square, double *magnitude) {
    v8 s[4], m[4];
    ptrdiff_t line = packed + PADDING;
    for (int r = 0; r < rows; r++) s[r] = m[r] = CK_SPLAT(0.0);
    for (ptrdiff_t p = 0; p < count; p++) {
        v8 right = *(const v8 *)(z + p * packed + j), right_magnitude = CK_ABS(right);
        for (int r = 0; r < rows; r++) {
            v8 left = CK_SPLAT(wz[p * packed + i + r]);
            s[r] += left * right;
            if (magnitude) m[r] += CK_ABS(left) * right_magnitude;
        }
    }
    for (int r = 0; r < rows; r++) {
        v8 *target = (v8 *)(square + (i + r) * line + j);
        *target = adds ? *target + s[r] : s[r];
        if (!magnitude) continue;
        target = (v8 *)(magnitude + (i + r) * line + j);
        *target = adds ? *target + m[r] : m[r];
    }
}

// The upper triangle of a batch: two rows at a time with magnitudes, four without, as the registers allow.
CK_INLINE void products(const double *z, const double *wz, ptrdiff_t count, ptrdiff_t d, ptrdiff_t packed, int adds, double *square,
                        double *magnitude) {
    ptrdiff_t rows = magnitude ? 2 : 4;
    for (ptrdiff_t i = 0; i < d; i += rows)
        for (ptrdiff_t j = i & ~(ptrdiff_t)7; j < packed; j += 8) {
            if (magnitude) product_block(z, wz, count, packed, i, j, 2, adds, square, magnitude);
            else product_block(z, wz, count, packed, i, j, 4, adds, square, NULL);
        }
}

// The upper triangle row after row. Vectors run over into the next row, with zeros, before it is written.
CK_INLINE void pack(const double *square, ptrdiff_t d, ptrdiff_t packed, int adds, double *out) {
    double *end = out + d * (d + 1) / 2;
    for (ptrdiff_t i = 0; i < d; out += d - i, i++) {
        const double *row = square + i * (packed + PADDING) + i;
        ptrdiff_t j = 0;
        for (; j < d - i && out + j + 8 <= end; j += 8) {
            v8 value = *(const v8 *)(row + j);
            *(v8 *)(out + j) = adds ? *(const v8 *)(out + j) + value : value;
        }
        for (; j < d - i; j++) out[j] = adds ? out[j] + row[j] : row[j];
    }
}

// sum += Σ wz over a batch, magnitude += Σ |wz| when it is not null.
CK_INLINE void add_rows(const double *wz, ptrdiff_t count, ptrdiff_t packed, double *sum, double *magnitude) {
    for (ptrdiff_t j = 0; j < packed; j += 8) {
        v8 s = *(const v8 *)(sum + j), m = magnitude ? *(const v8 *)(magnitude + j) : s;
        for (ptrdiff_t p = 0; p < count; p++) {
            v8 value = *(const v8 *)(wz + p * packed + j);
            s += value;
            if (magnitude) m += CK_ABS(value);
        }
        *(v8 *)(sum + j) = s;
        if (magnitude) *(v8 *)(magnitude + j) = m;
    }
}

#define READ_f64(p) (*(const v8 *)(p))
#define READ_f32(p) (__builtin_convertvector(*(const v8f *)(p), v8))

#define CK_DEFINE_SECOND_MOMENT_SUMS(T, SUFFIX)                                                                        \
    CK_CLONES void ck_second_moment_sums_##SUFFIX(const T *x, ptrdiff_t d, ptrdiff_t count, const double *w,           \
                                                  ptrdiff_t step, const double *anchor, double *sum,                   \
                                                  double *magnitude) {                                                 \
        double z[BATCH * LONGEST], wz[BATCH * LONGEST], linear[LONGEST] = {0}, linear_magnitude[LONGEST] = {0};        \
        double square[LONGEST * (LONGEST + PADDING)], square_magnitude[LONGEST * (LONGEST + PADDING)];                 \
        ptrdiff_t packed = (d + 7) & ~(ptrdiff_t)7, line = packed + PADDING;                                           \
        for (ptrdiff_t i = 0; i < d; i++)                                                                              \
            *(v8 *)(square + i * line + packed) = *(v8 *)(square_magnitude + i * line + packed) = CK_SPLAT(0.0);       \
        for (ptrdiff_t first = 0; first < count || first == 0; first += BATCH) {                                       \
            ptrdiff_t size = count - first < BATCH ? count - first : BATCH;                                            \
            for (ptrdiff_t p = 0; p < size; p++) {                                                                     \
                const T *point = x + (first + p) * d;                                                                  \
                double *target = z + p * packed, *weighted = wz + p * packed;                                          \
                v8 weight = CK_SPLAT(w[(first + p) * step]);                                                           \
                ptrdiff_t k = 0;                                                                                       \
                for (; k + 8 <= d; k += 8) {                                                                           \
                    v8 value = READ_##SUFFIX(point + k) - *(const v8 *)(anchor + k);                                   \
                    *(v8 *)(target + k) = value;                                                                       \
                    *(v8 *)(weighted + k) = weight * value;                                                            \
                }                                                                                                      \
                if (k == d) continue;                                                                                  \
                *(v8 *)(target + k) = *(v8 *)(weighted + k) = CK_SPLAT(0.0);                                           \
                for (; k < d; k++) {                                                                                   \
                    target[k] = (double)point[k] - anchor[k];                                                          \
                    weighted[k] = w[(first + p) * step] * target[k];                                                   \
                }                                                                                                      \
            }                                                                                                          \
            if (magnitude) {                                                                                           \
                add_rows(wz, size, packed, linear, linear_magnitude);                                                  \
                products(z, wz, size, d, packed, first > 0, square, square_magnitude);                                 \
            } else {                                                                                                   \
                add_rows(wz, size, packed, linear, NULL);                                                              \
                products(z, wz, size, d, packed, first > 0, square, NULL);                                             \
            }                                                                                                          \
        }                                                                                                              \
        memcpy(sum, linear, (size_t)d * sizeof(double));                                                               \
        pack(square, d, packed, 0, sum + d);                                                                           \
        if (!magnitude) return;                                                                                        \
        for (ptrdiff_t k = 0; k < d; k++) magnitude[k] += linear_magnitude[k];                                         \
        pack(square_magnitude, d, packed, 1, magnitude + d);                                                           \
    }

CK_DEFINE_SECOND_MOMENT_SUMS(double, f64)
CK_DEFINE_SECOND_MOMENT_SUMS(float, f32)

// Products are written in whole vectors over each other in order, as those of one row end where the next begins; the
// last few of a point one by one. The z of a batch are complete before they are read at odd offsets: a load that meets
// several stores under way waits for all of them.
#define CK_DEFINE_SECOND_MOMENTS(T, SUFFIX)                                                                            \
    CK_CLONES void ck_second_moments_##SUFFIX(const T *x, ptrdiff_t d, ptrdiff_t count, const double *anchor, double *out) { \
        enum { GROUP = 8 };                                                                                           \
        ptrdiff_t width = d + d * (d + 1) / 2;                                                                         \
        double batch[GROUP][LONGEST + 8];                                                                              \
        for (ptrdiff_t first = 0; first < count; first += GROUP) {                                                     \
            ptrdiff_t size = count - first < GROUP ? count - first : GROUP;                                            \
            for (ptrdiff_t i = 0; i < size; i++) {                                                                     \
                double *z = out + (first + i) * width;                                                                 \
                for (ptrdiff_t k = 0; k < d; k++) z[k] = (double)x[(first + i) * d + k] - anchor[k];                   \
                if (d > LONGEST) continue;                                                                             \
                for (ptrdiff_t k = 0; k < d; k++) batch[i][k] = (double)x[(first + i) * d + k] - anchor[k];            \
                for (ptrdiff_t k = d; k < d + 8; k++) batch[i][k] = 0;                                                 \
            }                                                                                                          \
            for (ptrdiff_t i = 0; i < size; i++) {                                                                     \
                double *point = out + (first + i) * width, *target = point + d, *end = point + width;                  \
                const double *z = d > LONGEST ? point : batch[i];                                                      \
                for (ptrdiff_t k = 0; k < d; target += d - k, k++) {                                                   \
                    v8 factor = CK_SPLAT(z[k]);                                                                        \
                    ptrdiff_t j = 0;                                                                                   \
                    for (; j < d - k && target + j + 8 <= end; j += 8)                                                 \
                        *(v8 *)(target + j) = factor * *(const v8 *)(z + k + j);                                       \
                    for (; j < d - k; j++) target[j] = z[k] * z[k + j];                                                \
                }                                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
    }

CK_DEFINE_SECOND_MOMENTS(double, f64)
CK_DEFINE_SECOND_MOMENTS(float, f32)
