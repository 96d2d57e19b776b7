// Hot loops that BLAS has no routine for, compiled once per CPU generation and chosen when the program loads.
//
// Matrices are row-major here with a row stride (in doubles) that is a multiple of 8; what lies between the
// logical width and the stride must be zero and stays zero. Buffers of rows are 64-byte aligned where that is
// cheap for the caller; correctness never depends on it. No function allocates, keeps state, or calls BLAS.

#ifndef LOEWNER_CKERNELS_H
#define LOEWNER_CKERNELS_H

#include <stddef.h>
#include <stdint.h>

// A level of the architecture, not "arch=haswell": that asks for Intel's very model, and others got SSE2 code.
#if defined(__x86_64__) && defined(__linux__) && defined(__clang__)
#define CK_CLONES __attribute__((target_clones("avx512f", "arch=x86-64-v3", "default")))
#else
#define CK_CLONES
#endif

/// Weighted sums of consecutive runs of points about a center, run i from point bounds[i] to bounds[i + 1].
///
/// Row i of `sums`, `stride` > dimension entries, ← Σ wᵢ(xᵢ − c), then Σ wᵢ (NaN when a weight is negative or NaN), then
/// zeros; when they are not null, centered_magnitude += Σ wᵢ|xᵢ − c| and magnitude += Σ wᵢ|xᵢ|. A null `center` is the
/// origin; `magnitude` must then be null, as the two are the same.
/// `weight_step` is 1, or 0 to use weights[0] for all. `end` is one past the last readable element of the point
/// array: rows are read in whole vectors as far as it allows. Partial sums are kept over a few points at a time.
void ck_moments_f64(const double *points, const double *end, ptrdiff_t dimension, const ptrdiff_t *bounds,
                    ptrdiff_t runs, const double *weights, ptrdiff_t weight_step, const double *center,
                    ptrdiff_t stride, double *sums, double *centered_magnitude, double *magnitude);
void ck_moments_f32(const float *points, const float *end, ptrdiff_t dimension, const ptrdiff_t *bounds,
                    ptrdiff_t runs, const double *weights, ptrdiff_t weight_step, const double *center,
                    ptrdiff_t stride, double *sums, double *centered_magnitude, double *magnitude);

/// Σ wᵢ, NaN when a weight is negative or NaN.
double ck_mass(const double *weights, ptrdiff_t weight_step, ptrdiff_t count);

/// (high, low) += x·row, in double-double, over `width` entries.
void ck_axpy_compensated(double x, const double *row, ptrdiff_t width, double *high, double *low);

/// images (rank × count) ← T·(p − o) for every point, T rank × dimension and all by columns, as if computed in twice the precision and
/// rounded once; what rounding lost goes to `remainders` unless they are null.
void ck_compensated_images(const double *transform, ptrdiff_t rank, ptrdiff_t dimension, const double *origin, const double *points,
                           ptrdiff_t count, double *images, double *remainders);

/// xᵀAx for x = high + low, an unevaluated sum, and the lower triangle of a symmetric A, by columns; likewise.
double ck_compensated_quadratic_form(const double *matrix, ptrdiff_t order, const double *high, const double *low);

/// Factors columns [column, column + width) of an m-row matrix with row interchanges, rows [column, m).
///
/// Interchanges move whole rows (`stride` entries) and `order` with them. width ≤ 64, a multiple of 8 unless the
/// panel is the last one. A column without a nonzero pivot gets zero multipliers. `scratch` has room for width + 2 times
/// as many numbers as there are rows in whole vectors of 64 bytes.
void ck_lu_panel_f64(double *a, ptrdiff_t stride, ptrdiff_t m, ptrdiff_t column, ptrdiff_t width, int64_t *order,
                     double *scratch);
void ck_lu_panel_f32(float *a, ptrdiff_t stride, ptrdiff_t m, ptrdiff_t column, ptrdiff_t width, int64_t *order,
                     float *scratch);

/// r ← η with Σᵢ ηᵢ·(row i of P·L·U) = r, for a square LU of `width` rows as `ck_lu_panel` leaves it, in pivot order:
/// ηᵢ belongs to row order[i]. A pivot of at most negligible[i] ≥ 0 says that column i depends on the columns before
/// it, as r should: its ηᵢ is 0.
void ck_solve_combination(const double *lu, ptrdiff_t stride, ptrdiff_t width, const double *negligible, double *r);

/// X ← L⁻¹·X, L unit lower of order h ≤ 64, X h×width.
void ck_unit_lower_left_solve_f64(const double *l, ptrdiff_t l_stride, ptrdiff_t h, double *x, ptrdiff_t x_stride,
                                  ptrdiff_t width);
void ck_unit_lower_left_solve_f32(const float *l, ptrdiff_t l_stride, ptrdiff_t h, float *x, ptrdiff_t x_stride,
                                  ptrdiff_t width);

/// T ← T·L⁻¹, L unit lower of order h ≤ 64, T rows×h.
void ck_unit_lower_right_solve_f64(double *t, ptrdiff_t t_stride, ptrdiff_t rows, const double *l, ptrdiff_t l_stride,
                                   ptrdiff_t h);
void ck_unit_lower_right_solve_f32(float *t, ptrdiff_t t_stride, ptrdiff_t rows, const float *l, ptrdiff_t l_stride,
                                   ptrdiff_t h);

/// Exchanges that have been decided but not yet applied to every row: row ← row + Σ_q c_q·z_q.
typedef struct {
    void *z;             ///< capacity × stride, the rank-one corrections
    void *w;             ///< capacity × capacity, w[p·capacity + q] = z_p[pivot_q] for q > p, else 0
    int64_t *pivot;      ///< the column of each exchange
    ptrdiff_t count;     ///< exchanges held back now
    ptrdiff_t capacity;  ///< a multiple of 8, at most 64
} ck_exchanges;

/// The basis of an elimination: `width` points whose weights may grow, and what they are called.
typedef struct {
    void *weight;        ///< `stride` entries, zero beyond width
    int64_t *name;       ///< width entries
    void *cost;          ///< `stride` entries, zero beyond width; null when there is no preference
    void *scratch;       ///< 2·stride entries
    ptrdiff_t width;
    ptrdiff_t stride;
    double slack;        ///< weight that counts as zero in ties
} ck_basis;

/// Pushes the weight of each row's point to zero, or exchanges the point with a basic one; rows in order.
///
/// Row t of `t` says: its point = Σ tᵢ·(basic point i), at the time of `pending`. The points that leave end with
/// no weight. `pending` must have room for `rows` more; new exchanges are appended, and are applied to the later
/// rows of this call only.
void ck_exchange_rows_f64(double *t, ptrdiff_t rows, const double *weight, const int64_t *name, const double *cost,
                          ck_basis *basis, ck_exchanges *pending);
void ck_exchange_rows_f32(float *t, ptrdiff_t rows, const float *weight, const int64_t *name, const float *cost,
                          ck_basis *basis, ck_exchanges *pending);

/// c[i·capacity + q] ← coefficient of exchange q in row i of t; zero for q ≥ count.
void ck_exchange_coefficients_f64(const double *t, ptrdiff_t stride, ptrdiff_t rows, const ck_exchanges *pending,
                                  double *c);
void ck_exchange_coefficients_f32(const float *t, ptrdiff_t stride, ptrdiff_t rows, const ck_exchanges *pending,
                                  float *c);

/// Null space and exchange of an m×width matrix in one call, width ≤ 64 < m allowed.
///
/// On return basis holds the surviving points and weights; a is destroyed, and needs room for m rounded up to a
/// multiple of 8 rows. Of `columns` (width rounded up to 4) + 1 times as many entries as rows are used, of `order` m.
void ck_eliminate_small(double *a, ptrdiff_t m, const double *weight, const double *cost, double *columns, int64_t *order,
                        ck_basis *basis);

/// Rows of an elimination from weighted sums: row ← factor·(sum − mass·shift), row[dimension] ← factor·mass, zeros up to
/// stride.
void ck_weighted_row(const double *sum, double mass, double factor, const double *shift, ptrdiff_t dimension,
                     ptrdiff_t stride, double *row);

/// The same in single precision, column k times scale[k]; a stride of floats, a multiple of 16.
void ck_weighted_row_f32(const double *sum, double mass, double factor, const double *shift, const double *scale,
                         ptrdiff_t dimension, ptrdiff_t stride, float *row);

/// Longest point that ck_rows_of_runs takes.
#define CK_LONGEST_RUN_POINT 32

/// Rows ← such rows of runs [starts[i], ends[i]) of points, sum = Σ w(x − c) with a null c for the origin, factor = factors[i].
///
/// Runs without weight get no row and are taken off the lists. Returns how many are left. 1 ≤ dimension ≤
/// CK_LONGEST_RUN_POINT; otherwise as for ck_moments.
ptrdiff_t ck_rows_of_runs_f64(const double *points, const double *end, ptrdiff_t dimension, ptrdiff_t *starts,
                              ptrdiff_t *ends, double *factors, ptrdiff_t count, const double *weights,
                              ptrdiff_t weight_step, const double *center, const double *shift, ptrdiff_t stride,
                              double *rows);
ptrdiff_t ck_rows_of_runs_f32(const float *points, const float *end, ptrdiff_t dimension, ptrdiff_t *starts,
                              ptrdiff_t *ends, double *factors, ptrdiff_t count, const double *weights,
                              ptrdiff_t weight_step, const double *center, const double *shift, ptrdiff_t stride,
                              double *rows);

/// sum ← sum of `count` rows of `stride` entries.
void ck_sum_rows(const double *rows, ptrdiff_t count, ptrdiff_t stride, double *sum);

enum { CK_COMPACT_BLOCK = 64 };

/// y ← x rounded to eleven bits, with exponents counted from `bases`, one for every CK_COMPACT_BLOCK values; what is 2^30 times smaller
/// than the largest of its block becomes zero. Returns 0 where a value is 2^100 or more, infinite or NaN; y is of no use then.
int ck_compact(const float *x, ptrdiff_t count, uint16_t *y, int32_t *bases);

/// x ← the values of y.
void ck_expand(const uint16_t *y, const int32_t *bases, ptrdiff_t count, float *x);

/// sum ← sum + values, widened.
void ck_add_f32(const float *values, ptrdiff_t count, double *sum);

/// deviations ← values − center; they are added to sum, and their squares to squares unless it is null.
void ck_center_f64(const double *values, const double *center, ptrdiff_t count, double *deviations, double *sum, double *squares);
void ck_center_f32(const double *values, const double *center, ptrdiff_t count, float *deviations, double *sum, double *squares);

/// sum += Σ |row − mass·shift| over rows of weighted sums, mass = row[dimension]; entries beyond `dimension` are not
/// defined afterwards.
void ck_add_deviations(const double *rows, ptrdiff_t count, const double *shift, ptrdiff_t dimension, ptrdiff_t stride,
                       double *sum);

/// z = x − anchor and the products zᵢzⱼ, i ≤ j, of `count` points of d coordinates, d + d(d+1)/2 numbers each.
void ck_second_moments_f64(const double *x, ptrdiff_t d, ptrdiff_t count, const double *anchor, double *out);
void ck_second_moments_f32(const float *x, ptrdiff_t d, ptrdiff_t count, const double *anchor, double *out);

/// Longest point, in coordinates, that ck_second_moment_sums takes.
#define CK_SECOND_MOMENT_LONGEST 64

/// sum ← Σ wᵢ·(the d + d(d+1)/2 numbers above of point i), d ≤ CK_SECOND_MOMENT_LONGEST; their magnitudes are added to
/// `magnitude` unless it is null. Weights must not be negative.
void ck_second_moment_sums_f64(const double *x, ptrdiff_t d, ptrdiff_t count, const double *weights,
                               ptrdiff_t weight_step, const double *anchor, double *sum, double *magnitude);
void ck_second_moment_sums_f32(const float *x, ptrdiff_t d, ptrdiff_t count, const double *weights,
                               ptrdiff_t weight_step, const double *anchor, double *sum, double *magnitude);

/// Longest image, in vectors of 8, that ck_leverages takes.
#define CK_LEVERAGE_VECTORS 3

/// outᵢ ← constant + ‖W·(xᵢ − o) − w‖² for `count` points of `dimension` ≤ 8·`vectors` coordinates.
///
/// `matrix` holds the columns of W, 8·vectors entries each, zero beyond the rank; `offset` is w, padded alike. `lower`
/// says that W is lower triangular. 1 ≤ vectors ≤ CK_LEVERAGE_VECTORS. A point's result does not depend on the others.
void ck_leverages_f64(const double *points, ptrdiff_t dimension, ptrdiff_t count, const double *origin,
                      const double *matrix, ptrdiff_t vectors, const double *offset, int lower, double constant,
                      double *out);
void ck_leverages_f32(const float *points, ptrdiff_t dimension, ptrdiff_t count, const double *origin,
                      const double *matrix, ptrdiff_t vectors, const double *offset, int lower, double constant,
                      double *out);

/// Longest point that ck_triangular_leverages takes.
#define CK_TRIANGULAR_LONGEST 64

/// outᵢ ← constant + ‖W·(xᵢ − o) − w‖² for `count` points of 4 ≤ `dimension` ≤ CK_TRIANGULAR_LONGEST coordinates, W lower
/// triangular of that order.
///
/// `matrix` holds W by groups of four rows: of each column up to the group's last row four entries, zero above the
/// diagonal and below the last row. `offset` is w, with zeros up to a multiple of four. A point's result does not depend
/// on the others.
void ck_triangular_leverages_f64(const double *points, ptrdiff_t dimension, ptrdiff_t count, const double *origin,
                                 const double *matrix, const double *offset, double constant, double *out);
void ck_triangular_leverages_f32(const float *points, ptrdiff_t dimension, ptrdiff_t count, const double *origin,
                                 const double *matrix, const double *offset, double constant, double *out);

/// outⱼ ← base + ‖zⱼ − offset‖² for the columns of a column-major rows×count matrix; `offset` may be null.
void ck_column_norms(const double *z, ptrdiff_t rows, ptrdiff_t count, const double *offset, double base, double *out);

/// Squares what is on and below the diagonal in the first `columns` columns of a lower triangle of order `rows`.
void ck_square_strip_f32(float *a, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t stride);
void ck_square_strip_f64(double *a, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t stride);

/// y += S·x, S the symmetric matrix of which those columns are on and below the diagonal and all else is zero.
void ck_strip_product_f32(const float *a, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t stride, const float *x, float *y);

/// Column j of `out` ← scaleⱼ · column j of `a`, column-major rows×count.
void ck_scale_columns(const double *a, ptrdiff_t rows, ptrdiff_t count, const double *scale, double *out);

/// outⱼ ← xⱼ − origin for `count` points of `dimension` coordinates.
void ck_shift_f64(const double *points, ptrdiff_t dimension, ptrdiff_t count, const double *origin, double *out);
void ck_shift_f32(const float *points, ptrdiff_t dimension, ptrdiff_t count, const double *origin, double *out);

/// The largest entry (NaN ignored, −∞ when there is none); `sum` receives the sum of all, NaN and ∞ included.
double ck_largest(const double *x, ptrdiff_t count, double *sum);

/// What happens to a value after bias and residual: nothing, min(max(low, v), high), or low·v where v < 0. NaN stays NaN.
enum { CK_NONE = 0, CK_CLAMP = 1, CK_LEAK = 2 };

/// Y = φ(L·R + bias + residual) in single precision, L rows×depth, R depth×columns.
///
/// L is packed in blocks of ck_tile_rows() rows: entry (r, k) of a block at k·ck_tile_rows() + r, rows beyond the last zero.
/// Row k of R is read from right + offsets[k] on; after every ck_tile_columns() columns `right` moves on by right_stride.
/// Row r of Y and of the residual begins at r·result_stride and is interrupted after every `run` columns: the next run
/// begins run_stride after the last one did (run ≥ columns: it is not).
typedef struct {
    const float *left;
    ptrdiff_t left_depth;      ///< depth of the packed blocks, of which `depth` are multiplied from `left` on
    const float *right;
    ptrdiff_t right_stride;
    const ptrdiff_t *offsets;  ///< `depth` entries
    ptrdiff_t depth, rows, columns;
    float *result;
    ptrdiff_t result_stride, run, run_stride;
    int adds;                  ///< whether what Y holds is added to the product
    int activation;
    float low, high;
    const float *row_bias;     ///< one per row, or null
    const float *column_bias;  ///< one per column, or null
    const float *residual;     ///< laid out like the result, or null; may be the result
} ck_product;

/// Shape of the tile that stays in registers on this processor.
ptrdiff_t ck_tile_rows(void);
ptrdiff_t ck_tile_columns(void);

/// Every entry is one sum in the order of the offsets: it does not depend on the other rows and columns.
void ck_multiply(const ck_product *product);

/// Packs rows of x, entry (r, k) at r·row_stride + k·depth_stride, in blocks of `block` rows: entry (r, k) of a block at
/// k·block + r, rows beyond the last zero. Blocks of ck_tile_rows() make a left factor, blocks of ck_tile_columns() panels of
/// columns of a right one.
void ck_pack(const float *x, ptrdiff_t row_stride, ptrdiff_t depth_stride, ptrdiff_t rows, ptrdiff_t depth,
             ptrdiff_t block, float *out);

/// The geometry of a convolution of planes, and the activation that follows (as in ck_product).
typedef struct {
    ptrdiff_t height, width, out_height, out_width;
    ptrdiff_t kernel_height, kernel_width, stride_y, stride_x, dilation_y, dilation_x, top, left;
    int activation;
    float low, high;
} ck_plane_convolution;

/// Floats of scratch memory for one plane.
ptrdiff_t ck_plane_convolution_workspace(const ck_plane_convolution *convolution);

/// y ← φ(bias + filter ∗ x + residual) for one plane; the residual is null for none and must not be y.
void ck_convolve_plane(const ck_plane_convolution *convolution, const float *x, const float *filter, float bias,
                       const float *residual, float *y, float *workspace);

/// slopes += derivative of Σ dy·(filter ∗ x) with respect to the taps of the filter, for one plane; the activation does not count.
void ck_plane_filter_slopes(const ck_plane_convolution *convolution, const float *x, const float *dy, float *slopes, float *workspace);

/// The geometry of a convolution by 3 × 3 filters without strides, and what follows it (as in ck_product). Tiles are 4 × 4 results,
/// those of a row of tiles side by side; rows of tiles are counted through the images of a batch.
typedef struct {
    ptrdiff_t height, width, out_height, out_width, top, left;
    int adds;                  ///< whether what y holds is added to the result
    int activation;
    float low, high;
} ck_winograd;

/// Floats of scratch memory for `tiles` tiles.
ptrdiff_t ck_winograd_scratch(ptrdiff_t tiles);

/// G·g·Gᵀ of `count` filters of nine taps: value k of filter i goes to out + k·count + i, k < 36.
void ck_winograd_filters(const float *filters, ptrdiff_t count, float *out);

/// Bᵀ·d·B of the tiles of `rows` rows of tiles of one channel, whose planes lie image_stride apart: value k < 36 of tile t goes to
/// out + k·stride + t. Whole vectors are written: the stride is a multiple of 16.
void ck_winograd_inputs(const ck_winograd *winograd, const float *x, ptrdiff_t image_stride, ptrdiff_t first, ptrdiff_t rows,
                        float *out, ptrdiff_t stride, float *scratch);

/// A·dy·Aᵀ of the same tiles of one channel of slopes of the results.
void ck_winograd_slopes(const ck_winograd *winograd, const float *dy, ptrdiff_t image_stride, ptrdiff_t first, ptrdiff_t rows,
                        float *out, ptrdiff_t stride, float *scratch);

/// slopes += Gᵀ·s·G of `count` filters, s the sums over tiles of transformed slopes times transformed inputs: value k of filter i
/// at sums + k·count + i.
void ck_winograd_filter_slopes(const float *sums, ptrdiff_t count, float *slopes);

/// y ← φ(Aᵀ·m·A + bias + residual) for the same tiles; the residual lies like y, and is null for none.
void ck_winograd_outputs(const ck_winograd *winograd, const float *m, ptrdiff_t stride, ptrdiff_t first, ptrdiff_t rows, float bias,
                         const float *residual, float *y, ptrdiff_t image_stride, float *scratch);

/// `rows` rows of `width` entries: zeros, but x[i·stride] at low ≤ i < high; x moves on by x_stride from row to row and may
/// point outside of its array as long as those entries lie within.
void ck_shift_rows(const float *x, ptrdiff_t x_stride, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t low, ptrdiff_t high,
                   ptrdiff_t width, float *out);

/// Maximum (NaN ignored, −∞ when there is none) and sum of `rows` rows, entry by entry.
void ck_row_maximum(const float *x, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t count, float *out);
void ck_row_sum(const float *x, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t count, float *out);

/// outᵢ ← maximum or sum of x[i·stride + k], 0 ≤ k < window. The maximum is of numbers
/// that are not NaN, as ck_row_maximum leaves them.
void ck_window_maximum(const float *x, ptrdiff_t window, ptrdiff_t stride, ptrdiff_t count, float *out);
void ck_window_sum(const float *x, ptrdiff_t window, ptrdiff_t stride, ptrdiff_t count, float *out);

/// Functions of one number: the parameter is the upper bound of a clipped ReLU, the slope of a leaky one.
enum {
    CK_RELU, CK_CLIPPED_RELU, CK_LEAKY_RELU, CK_SIGMOID, CK_SILU, CK_TANH, CK_GELU, CK_GELU_TANH, CK_HARD_SIGMOID, CK_HARD_SWISH
};

/// yᵢ ← φ(yᵢ).
void ck_activate(int function, float parameter, float *y, ptrdiff_t count);

/// yᵢ ← factor·xᵢ + offset.
void ck_affine(const float *x, ptrdiff_t count, float factor, float offset, float *y);

/// yᵢ += xᵢ.
void ck_accumulate(const float *x, ptrdiff_t count, float *y);

/// yᵢ *= xᵢ.
void ck_multiply_by(const float *x, ptrdiff_t count, float *y);

/// yᵢ ← yᵢ where xᵢ > 0, zero elsewhere: the way back through a ReLU.
void ck_gate(const float *x, ptrdiff_t count, float *y);

/// yᵢ ← e^(xᵢ − max)/Σ; y may be x.
void ck_softmax(const float *x, ptrdiff_t count, float *y);

/// yᵢ ← (xᵢ − mean)/√(variance + ε), sums in double precision; without the mean, by the root of the mean square. y may be x.
void ck_normalize(const float *x, ptrdiff_t count, int subtracts_mean, double epsilon, float *y);

// Numbers that threads share, in one total order.

/// Adds to a number; returns what it was.
static inline int64_t ck_add(int64_t *number, int64_t change) { return __atomic_fetch_add(number, change, __ATOMIC_SEQ_CST); }
static inline int64_t ck_load(const int64_t *number) { return __atomic_load_n(number, __ATOMIC_SEQ_CST); }
static inline void ck_store(int64_t *number, int64_t value) { __atomic_store_n(number, value, __ATOMIC_SEQ_CST); }
/// Stores a value; returns what was there.
static inline int64_t ck_exchange(int64_t *number, int64_t value) { return __atomic_exchange_n(number, value, __ATOMIC_SEQ_CST); }

/// Gives other threads the processor.
void ck_yield(void);

/// Gives memory that the allocator holds back to the system, where it can.
void ck_return_free_memory(void);

/// Tells the processor that a thread waits in a loop.
static inline void ck_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
