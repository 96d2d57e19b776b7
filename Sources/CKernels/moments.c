// Weighted sums of consecutive points: the one read of the data, bound by memory when it is done right.

#include "rows.h"

enum {
    RUN = 16,     // partial sums in registers cover this many points, which bounds their rounding error
    AHEAD = 8192  // bytes from a load to the data asked for in advance: the hardware stops at the end of a page, and
                  // 8–12 KB measured fastest (80 MB of points: 2.1 ms, as a bare read; without, 2.9–4.3 ms)
};

#define CK_FETCH(p) __builtin_prefetch((const void *)((uintptr_t)(p) + AHEAD))

#define LOAD_f64(p) (*(const v8 *)(p))
#define LOAD_f32(p) (__builtin_convertvector(*(const v8f *)(p), v8))
#define LOAD4_f64(p) (*(const v4 *)(p))
#define LOAD4_f32(p) (__builtin_convertvector(*(const v4f *)(p), v4))
#define SPLAT4(x) ((v4){(x), (x), (x), (x)})
#define ABS4(x) ((v4)((i4)(x) & INT64_MAX))

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

// Points of N ≤ 4 vectors of features and H ≤ 1 half ones, the sums of RUN points in registers. The sums of runs are
// added up in memory: sixteen registers hold no more. `whole` points may be read in whole vectors; the others are copied
// to a padded buffer first. Without a center c, z is the value itself.
#define CK_DEFINE_GROUP(T, SUFFIX, N, H)                                                                               \
    CK_INLINE double group_##SUFFIX##_##N##_##H(const T *x, ptrdiff_t d, ptrdiff_t count, ptrdiff_t whole,               \
                                              const double *w, ptrdiff_t step, const double *c, double *sum,           \
                                              double *cm, double *rm) {                                                \
        enum { LAST = 8 * N };                                                                                         \
        v4 zero = SPLAT4(0.0);                                                                                         \
        for (int j = 0; j < N; j++) *(v8 *)(sum + 8 * j) = CK_SPLAT(0.0);                                              \
        if (H) *(v4 *)(sum + LAST) = zero;                                                                             \
        T padded[8 * N + 4 * H];                                                                                       \
        double total = 0, least = 0;                                                                                   \
        for (ptrdiff_t start = 0; start < count; start += RUN) {                                                       \
            v8 s[N + 1], a[N + 1], r[N + 1];                                                                           \
            v4 s_h = zero, a_h = zero, r_h = zero;                                                                     \
            double part = 0;                                                                                           \
            for (int j = 0; j < N; j++) s[j] = a[j] = r[j] = CK_SPLAT(0.0);                                            \
            ptrdiff_t stop = start + RUN < count ? start + RUN : count;                                                \
            for (ptrdiff_t i = start; i < stop; i++) {                                                                 \
                const T *p = x + i * d;                                                                                \
                if (__builtin_expect(i >= whole, 0)) {                                                                 \
                    memset(padded, 0, sizeof padded);                                                                  \
                    memcpy(padded, p, (size_t)d * sizeof(T));                                                          \
                    p = padded;                                                                                        \
                }                                                                                                      \
                for (int j = 0; j < N; j++) CK_FETCH(p + 8 * j);                                                       \
                if (H) CK_FETCH(p + LAST);                                                                             \
                v8 weight = CK_SPLAT(w[i * step]);                                                                     \
                part += w[i * step];                                                                                   \
                least = w[i * step] < least ? w[i * step] : least;                                                     \
                for (int j = 0; j < N; j++) {                                                                          \
                    v8 value = LOAD_##SUFFIX(p + 8 * j), z = c ? value - *(const v8 *)(c + 8 * j) : value;             \
                    s[j] += weight * z;                                                                                \
                    if (cm) a[j] += weight * CK_ABS(z);                                                                \
                    if (rm) r[j] += weight * CK_ABS(value);                                                            \
                }                                                                                                      \
                if (H) {                                                                                               \
                    v4 factor = SPLAT4(w[i * step]), value = LOAD4_##SUFFIX(p + LAST);                                 \
                    v4 z = c ? value - *(const v4 *)(c + LAST) : value;                                                \
                    s_h += factor * z;                                                                                 \
                    if (cm) a_h += factor * ABS4(z);                                                                   \
                    if (rm) r_h += factor * ABS4(value);                                                               \
                }                                                                                                      \
            }                                                                                                          \
            total += part;                                                                                             \
            for (int j = 0; j < N; j++) {                                                                              \
                *(v8 *)(sum + 8 * j) += s[j];                                                                          \
                if (cm) *(v8 *)(cm + 8 * j) += a[j];                                                                   \
                if (rm) *(v8 *)(rm + 8 * j) += r[j];                                                                   \
            }                                                                                                          \
            if (H) {                                                                                                   \
                *(v4 *)(sum + LAST) += s_h;                                                                            \
                if (cm) *(v4 *)(cm + LAST) += a_h;                                                                     \
                if (rm) *(v4 *)(rm + LAST) += r_h;                                                                     \
            }                                                                                                          \
        }                                                                                                              \
        for (ptrdiff_t j = d; j < LAST + 4 * H; j++) {                                                                 \
            sum[j] = 0;                                                                                                \
            if (cm) cm[j] = 0;                                                                                         \
            if (rm) rm[j] = 0;                                                                                         \
        }                                                                                                              \
        return least < 0 ? __builtin_nan("") : total;                                                                  \
    }

// Rows of many vectors: `rows` (4 or 1) points at a time from end to end, with the sums in the first-level cache. What is
// fetched in advance is fetched in the order of memory, not row by row (80 MB of 100 coordinates: 6.7 ms instead of
// 8.9). The last, partial vector of a row is cut to its lanes, and copied where reading on would leave the array.
#define CK_DEFINE_WIDE(T, SUFFIX)                                                                                      \
    CK_INLINE void wide_step_##SUFFIX(const T *const *p, const v8 *weight, int rows, const double *c, ptrdiff_t lanes, \
                                      double *sum, double *cm, double *rm) {                                           \
        v8 s[4], a[4], r[4];                                                                                           \
        i8 inside = CK_LANES < CK_SPLAT((double)lanes);                                                                \
        for (int i = 0; i < rows; i++) {                                                                               \
            v8 value = LOAD_##SUFFIX(p[i]);                                                                            \
            if (lanes < 8) value = (v8)((i8)value & inside);                                                           \
            s[i] = weight[i] * (c ? value - *(const v8 *)c : value);                                                   \
            a[i] = CK_ABS(s[i]);                                                                                       \
            r[i] = weight[i] * CK_ABS(value);                                                                          \
        }                                                                                                              \
        *(v8 *)sum += rows == 4 ? (s[0] + s[1]) + (s[2] + s[3]) : s[0];                                                \
        if (cm) *(v8 *)cm += rows == 4 ? (a[0] + a[1]) + (a[2] + a[3]) : a[0];                                         \
        if (rm) *(v8 *)rm += rows == 4 ? (r[0] + r[1]) + (r[2] + r[3]) : r[0];                                         \
    }                                                                                                                  \
    CK_INLINE void wide_rows_##SUFFIX(const T *x, ptrdiff_t d, int rows, int whole, const v8 *weight, const double *c, \
                                      double *sum, double *cm, double *rm) {                                           \
        const T *p[4];                                                                                                 \
        ptrdiff_t j = 0;                                                                                               \
        for (; j + 8 <= d; j += 8) {                                                                                   \
            for (int i = 0; i < rows; i++) { p[i] = x + i * d + j; CK_FETCH(x + rows * j + 8 * i); }                   \
            wide_step_##SUFFIX(p, weight, rows, c ? c + j : NULL, 8, sum + j, cm ? cm + j : NULL, rm ? rm + j : NULL); \
        }                                                                                                              \
        if (j == d) return;                                                                                            \
        T padded[8] = {0};                                                                                             \
        for (int i = 0; i < rows; i++) p[i] = x + i * d + j;                                                           \
        if (!whole) {                                                                                                  \
            memcpy(padded, p[0], (size_t)(d - j) * sizeof(T));                                                         \
            p[0] = padded;                                                                                             \
        }                                                                                                              \
        wide_step_##SUFFIX(p, weight, rows, c ? c + j : NULL, d - j, sum + j, cm ? cm + j : NULL, rm ? rm + j : NULL); \
    }                                                                                                                  \
    CK_INLINE double wide_##SUFFIX(const T *x, ptrdiff_t d, ptrdiff_t count, ptrdiff_t whole, const double *w,         \
                                 ptrdiff_t step, const double *c, double *sum, double *cm, double *rm) {               \
        for (ptrdiff_t j = 0; j < d; j += 8) *(v8 *)(sum + j) = CK_SPLAT(0.0);                                         \
        ptrdiff_t i = 0;                                                                                               \
        for (; i + 4 <= whole; i += 4) {                                                                               \
            v8 weight[4];                                                                                              \
            for (int k = 0; k < 4; k++) weight[k] = CK_SPLAT(w[(i + k) * step]);                                       \
            wide_rows_##SUFFIX(x + i * d, d, 4, 1, weight, c, sum, cm, rm);                                            \
        }                                                                                                              \
        for (; i < count; i++) {                                                                                       \
            v8 weight = CK_SPLAT(w[i * step]);                                                                         \
            wide_rows_##SUFFIX(x + i * d, d, 1, i < whole, &weight, c, sum, cm, rm);                                   \
        }                                                                                                              \
        return mass(w, step, count);                                                                                   \
    }

// Sums of consecutive runs, one row each with the mass behind the sum.
#define CK_DEFINE_SUMS(T, SUFFIX, N, H)                                                                                \
    CK_INLINE void sums_##SUFFIX##_##N##_##H(const T *x, const T *end, ptrdiff_t d, const ptrdiff_t *bounds,           \
                                      ptrdiff_t runs, const double *w, ptrdiff_t step, const double *c,                \
                                      ptrdiff_t stride, double *sums, double *cm, double *rm) {                        \
        for (ptrdiff_t i = 0; i < runs; i++) {                                                                         \
            ptrdiff_t start = bounds[i], count = bounds[i + 1] - start, whole = count;                                 \
            const T *p = x + start * d;                                                                                \
            double *sum = sums + i * stride;                                                                           \
            while (whole > 0 && p + (whole - 1) * d + 8 * N + 4 * H > end) whole--;                                    \
            for (ptrdiff_t j = 8 * N + 4 * H; j < stride; j++) sum[j] = 0;                                             \
            double total = group_##SUFFIX##_##N##_##H(p, d, count, whole, w + start * step, step, c, sum, cm, rm);     \
            sum[d] = total;                                                                                            \
        }                                                                                                              \
    }

#define CK_DEFINE_WIDE_SUMS(T, SUFFIX)                                                                                 \
    CK_INLINE void sums_##SUFFIX##_wide(const T *x, const T *end, ptrdiff_t d, const ptrdiff_t *bounds,                \
                                      ptrdiff_t runs, const double *w, ptrdiff_t step, const double *c,                \
                                      ptrdiff_t stride, double *sums, double *cm, double *rm) {                        \
        for (ptrdiff_t i = 0; i < runs; i++) {                                                                         \
            ptrdiff_t start = bounds[i], count = bounds[i + 1] - start, whole = count;                                 \
            const T *p = x + start * d;                                                                                \
            double *sum = sums + i * stride;                                                                           \
            while (whole > 0 && p + (whole - 1) * d + ((d + 7) & ~(ptrdiff_t)7) > end) whole--;                        \
            for (ptrdiff_t j = ((d + 7) & ~(ptrdiff_t)7); j < stride; j++) sum[j] = 0;                                 \
            double total = wide_##SUFFIX(p, d, count, whole, w + start * step, step, c, sum, cm, rm);                  \
            sum[d] = total;                                                                                            \
        }                                                                                                              \
    }

// Rows of an elimination from runs of such points.
#define CK_DEFINE_RUNS(T, SUFFIX, N, H)                                                                                \
    CK_INLINE ptrdiff_t runs_##SUFFIX##_##N##_##H(const T *x, const T *end, ptrdiff_t d, ptrdiff_t *starts,            \
                                                  ptrdiff_t *ends, double *factors, ptrdiff_t count, const double *w,  \
                                                  ptrdiff_t step, const double *c, const double *shift,                \
                                                  ptrdiff_t stride, double *rows) {                                    \
        double sum[8 * N + 4 * H + 8] = {0};                                                                           \
        ptrdiff_t kept = 0;                                                                                            \
        for (ptrdiff_t i = 0; i < count; i++) {                                                                        \
            ptrdiff_t start = starts[i], stop = ends[i], whole = stop - start;                                         \
            const T *p = x + start * d;                                                                                \
            while (whole > 0 && p + (whole - 1) * d + 8 * N + 4 * H > end) whole--;                                    \
            double mass = group_##SUFFIX##_##N##_##H(p, d, stop - start, whole, w + start * step, step, c, sum, NULL,  \
                                                     NULL), factor = factors[i];                                       \
            if (!(mass * factor > 0)) continue;                                                                        \
            weighted_row(sum, mass, factor, shift, d, stride, rows + kept * stride);                                   \
            starts[kept] = start;                                                                                      \
            ends[kept] = stop;                                                                                         \
            factors[kept++] = factor;                                                                                  \
        }                                                                                                              \
        return kept;                                                                                                   \
    }

// A call for each of the cases that matter, so that what is not asked for costs nothing.
#define CK_CASES(F)                                                                                                    \
    if (cm && c) F(x, end, d, bounds, runs, w, step, c, stride, sums, cm, rm);                                         \
    else if (cm) F(x, end, d, bounds, runs, w, step, NULL, stride, sums, cm, NULL);                                    \
    else if (c) F(x, end, d, bounds, runs, w, step, c, stride, sums, NULL, NULL);                                      \
    else F(x, end, d, bounds, runs, w, step, NULL, stride, sums, NULL, NULL);                                          \
    break;

#define CK_RUN_CASES(F)                                                                                                \
    if (c) return F(x, end, d, starts, ends, factors, count, w, step, c, shift, stride, rows);                         \
    return F(x, end, d, starts, ends, factors, count, w, step, NULL, shift, stride, rows);

#define CK_DEFINE_WIDTH(T, SUFFIX, A, B)                                                                               \
    CK_DEFINE_GROUP(T, SUFFIX, A, B)                                                                                   \
    CK_DEFINE_SUMS(T, SUFFIX, A, B)                                                                                    \
    CK_DEFINE_RUNS(T, SUFFIX, A, B)

// One case for each width that has a loop of its own, by quadruples of coordinates.
#define CK_BY_WIDTH(CASES, NAME, SUFFIX)                                                                               \
    case 1: CASES(NAME##_##SUFFIX##_0_1)                                                                               \
    case 2: CASES(NAME##_##SUFFIX##_1_0)                                                                               \
    case 3: CASES(NAME##_##SUFFIX##_1_1)                                                                               \
    case 4: CASES(NAME##_##SUFFIX##_2_0)                                                                               \
    case 5: CASES(NAME##_##SUFFIX##_2_1)                                                                               \
    case 6: CASES(NAME##_##SUFFIX##_3_0)                                                                               \
    case 7: CASES(NAME##_##SUFFIX##_3_1)                                                                               \
    case 8: CASES(NAME##_##SUFFIX##_4_0)

#define CK_DEFINE_MOMENTS(T, SUFFIX)                                                                                   \
    CK_DEFINE_WIDTH(T, SUFFIX, 0, 1)                                                                                   \
    CK_DEFINE_WIDTH(T, SUFFIX, 1, 0)                                                                                   \
    CK_DEFINE_WIDTH(T, SUFFIX, 1, 1)                                                                                   \
    CK_DEFINE_WIDTH(T, SUFFIX, 2, 0)                                                                                   \
    CK_DEFINE_WIDTH(T, SUFFIX, 2, 1)                                                                                   \
    CK_DEFINE_WIDTH(T, SUFFIX, 3, 0)                                                                                   \
    CK_DEFINE_WIDTH(T, SUFFIX, 3, 1)                                                                                   \
    CK_DEFINE_WIDTH(T, SUFFIX, 4, 0)                                                                                   \
    CK_DEFINE_WIDE(T, SUFFIX)                                                                                          \
    CK_DEFINE_WIDE_SUMS(T, SUFFIX)                                                                                     \
    CK_CLONES void ck_moments_##SUFFIX(const T *x, const T *end, ptrdiff_t d, const ptrdiff_t *bounds, ptrdiff_t runs, \
                                       const double *w, ptrdiff_t step, const double *c, ptrdiff_t stride,             \
                                       double *sums, double *cm, double *rm) {                                         \
        switch ((d + 3) / 4) {                                                                                         \
        case 0:                                                                                                        \
            for (ptrdiff_t i = 0; i < runs; i++) {                                                                     \
                for (ptrdiff_t j = 0; j < stride; j++) sums[i * stride + j] = 0;                                       \
                sums[i * stride] = mass(w + bounds[i] * step, step, bounds[i + 1] - bounds[i]);                        \
            }                                                                                                          \
            break;                                                                                                     \
        CK_BY_WIDTH(CK_CASES, sums, SUFFIX)                                                                            \
        default: CK_CASES(sums_##SUFFIX##_wide)                                                                        \
        }                                                                                                              \
    }                                                                                                                  \
    CK_CLONES ptrdiff_t ck_rows_of_runs_##SUFFIX(const T *x, const T *end, ptrdiff_t d, ptrdiff_t *starts,             \
                                                 ptrdiff_t *ends, double *factors, ptrdiff_t count, const double *w,   \
                                                 ptrdiff_t step, const double *c, const double *shift,                 \
                                                 ptrdiff_t stride, double *rows) {                                     \
        switch ((d + 3) / 4) {                                                                                         \
        CK_BY_WIDTH(CK_RUN_CASES, runs, SUFFIX)                                                                        \
        default: return -1;                                                                                            \
        }                                                                                                              \
    }

CK_DEFINE_MOMENTS(double, f64)
CK_DEFINE_MOMENTS(float, f32)

CK_CLONES double ck_mass(const double *w, ptrdiff_t step, ptrdiff_t count) { return mass(w, step, count); }

CK_CLONES void ck_add_f32(const float *values, ptrdiff_t count, double *sum) {
    ptrdiff_t i = 0;
    for (; i + 8 <= count; i += 8) *(v8 *)(sum + i) += LOAD_f32(values + i);
    for (; i < count; i++) sum[i] += values[i];
}

// Sums and results do not overlap: said, or no loop would be vectors.
#define CK_DEFINE_CENTER(T, SUFFIX)                                                                                      \
    CK_CLONES void ck_center_##SUFFIX(const double *restrict values, const double *restrict center, ptrdiff_t count,     \
                                      T *restrict deviations, double *restrict sum, double *restrict squares) {          \
        for (ptrdiff_t i = 0; i < count; i++) {                                                                          \
            double deviation = values[i] - center[i];                                                                    \
            deviations[i] = (T)deviation;                                                                                \
            sum[i] += deviation;                                                                                         \
        }                                                                                                                \
        if (!squares) return;                                                                                            \
        for (ptrdiff_t i = 0; i < count; i++) squares[i] += (values[i] - center[i]) * (values[i] - center[i]);           \
    }

CK_DEFINE_CENTER(double, f64)
CK_DEFINE_CENTER(float, f32)
