// Weighted sums of consecutive points: the one read of the data, bound by memory when it is done right.

#include "vectors.h"

enum { RUN = 16 };  // partial sums cover this many points, which bounds their rounding error

#define LOAD_f64(p) (*(const v8 *)(p))
#define LOAD_f32(p) (__builtin_convertvector(*(const v8f *)(p), v8))

// One group of N vectors of features, all points of the run. `whole` points may be read in whole vectors;
// the others are copied to a padded buffer first.
#define CK_DEFINE_GROUP(T, SUFFIX, N)                                                                                  \
    CK_INLINE void group_##SUFFIX##_##N(const T *x, ptrdiff_t d, ptrdiff_t first, ptrdiff_t count, ptrdiff_t whole,    \
                                        const double *w, ptrdiff_t step, const double *c, double *sum, double *cm,     \
                                        double *rm) {                                                                  \
        v8 total[N], total_cm[N], total_rm[N], center[N];                                                              \
        for (int j = 0; j < N; j++) {                                                                                  \
            total[j] = total_cm[j] = total_rm[j] = CK_SPLAT(0.0);                                                      \
            center[j] = *(const v8 *)(c + 8 * j);                                                                      \
        }                                                                                                              \
        ptrdiff_t lanes = d - first < 8 * N ? d - first : 8 * N;                                                       \
        T padded[8 * N];                                                                                               \
        for (ptrdiff_t start = 0; start < count; start += RUN) {                                                       \
            v8 s[N], a[N], r[N];                                                                                       \
            for (int j = 0; j < N; j++) s[j] = a[j] = r[j] = CK_SPLAT(0.0);                                            \
            ptrdiff_t stop = start + RUN < count ? start + RUN : count;                                                \
            for (ptrdiff_t i = start; i < stop; i++) {                                                                 \
                const T *p = x + i * d + first;                                                                        \
                if (__builtin_expect(i >= whole, 0)) {                                                                 \
                    memset(padded, 0, sizeof padded);                                                                  \
                    memcpy(padded, p, (size_t)lanes * sizeof(T));                                                      \
                    p = padded;                                                                                        \
                }                                                                                                      \
                v8 weight = CK_SPLAT(w[i * step]);                                                                     \
                for (int j = 0; j < N; j++) {                                                                          \
                    v8 value = LOAD_##SUFFIX(p + 8 * j);                                                               \
                    v8 z = value - center[j];                                                                          \
                    s[j] += weight * z;                                                                                \
                    if (cm) a[j] += weight * CK_ABS(z);                                                                \
                    if (rm) r[j] += weight * CK_ABS(value);                                                            \
                }                                                                                                      \
            }                                                                                                          \
            for (int j = 0; j < N; j++) {                                                                              \
                total[j] += s[j];                                                                                      \
                if (cm) total_cm[j] += a[j];                                                                           \
                if (rm) total_rm[j] += r[j];                                                                           \
            }                                                                                                          \
        }                                                                                                              \
        for (int j = 0; j < N; j++) {                                                                                  \
            i8 inside = CK_LANES < CK_SPLAT((double)(lanes - 8 * j));                                                  \
            *(v8 *)(sum + 8 * j) = (v8)((i8)total[j] & inside);                                                        \
            if (cm) *(v8 *)(cm + 8 * j) += (v8)((i8)total_cm[j] & inside);                                             \
            if (rm) *(v8 *)(rm + 8 * j) += (v8)((i8)total_rm[j] & inside);                                             \
        }                                                                                                              \
    }

#define CK_GROUP_CASE(SUFFIX, N)                                                                                       \
    case N:                                                                                                            \
        if (cm) group_##SUFFIX##_##N(x, d, first, count, whole, w, step, c + first, sum + first, cm + first, rm + first); \
        else group_##SUFFIX##_##N(x, d, first, count, whole, w, step, c + first, sum + first, NULL, NULL);             \
        break;

// Σ wᵢ, or NaN when a weight is negative or NaN.
CK_INLINE double mass(const double *w, ptrdiff_t step, ptrdiff_t count) {
    if (step == 0) return w[0] >= 0 ? (double)count * w[0] : __builtin_nan("");
    v8 total = CK_SPLAT(0.0);
    i8 bad = {0};
    ptrdiff_t i = 0;
    for (; i + 8 <= count; i += 8) {
        v8 value = *(const v8 *)(w + i);
        total += value;
        bad |= ~(value >= CK_SPLAT(0.0));
    }
    double rest = 0;
    int64_t any = 0;
    for (; i < count; i++) {
        rest += w[i];
        any |= !(w[i] >= 0);
    }
    for (int lane = 0; lane < 8; lane++) any |= bad[lane];
    if (any) return __builtin_nan("");
    return (((total[0] + total[1]) + (total[2] + total[3])) + ((total[4] + total[5]) + (total[6] + total[7]))) + rest;
}

#define CK_DEFINE_MOMENTS(T, SUFFIX)                                                                                   \
    CK_DEFINE_GROUP(T, SUFFIX, 1)                                                                                      \
    CK_DEFINE_GROUP(T, SUFFIX, 2)                                                                                      \
    CK_DEFINE_GROUP(T, SUFFIX, 3)                                                                                      \
    CK_DEFINE_GROUP(T, SUFFIX, 4)                                                                                      \
    CK_CLONES double ck_moments_##SUFFIX(const T *x, const T *end, ptrdiff_t d, ptrdiff_t count, const double *w,      \
                                         ptrdiff_t step, const double *c, ptrdiff_t stride, double *sum, double *cm,   \
                                         double *rm) {                                                                 \
        ptrdiff_t vectors = (d + 7) / 8, whole = count;                                                                \
        while (whole > 0 && x + (whole - 1) * d + 8 * vectors > end) whole--;                                          \
        for (ptrdiff_t v = 0; v < vectors; v += 4) {                                                                   \
            ptrdiff_t first = 8 * v;                                                                                   \
            switch (vectors - v) {                                                                                     \
                CK_GROUP_CASE(SUFFIX, 1)                                                                               \
                CK_GROUP_CASE(SUFFIX, 2)                                                                               \
                CK_GROUP_CASE(SUFFIX, 3)                                                                               \
            default:                                                                                                   \
                if (cm) group_##SUFFIX##_4(x, d, first, count, whole, w, step, c + first, sum + first, cm + first, rm + first); \
                else group_##SUFFIX##_4(x, d, first, count, whole, w, step, c + first, sum + first, NULL, NULL);       \
            }                                                                                                          \
        }                                                                                                              \
        for (ptrdiff_t j = 8 * vectors; j < stride; j++) sum[j] = 0;                                                   \
        return mass(w, step, count);                                                                                   \
    }

CK_DEFINE_MOMENTS(double, f64)
CK_DEFINE_MOMENTS(float, f32)

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
