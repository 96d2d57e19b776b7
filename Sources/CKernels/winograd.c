// Transforms of Winograd's convolution F(4×4, 3×3): Y = Aᵀ[(G·g·Gᵀ) ∘ (Bᵀ·d·B)]A (Lavin and Gray, arXiv 1509.09308, section 4.3).
//
// A tile of 4 × 4 results takes 36 products of a filter with an input where a direct sum takes 144. The products of many tiles,
// inputs and filters are 36 products of matrices, which are made elsewhere; here is what comes before and after.
//
// Filters and inputs are polynomials that are multiplied by way of their values at 0, ±NEAR, ±FAR and ∞. The customary points 1 and
// 2 make rounding errors five times those of direct sums, these twice (measured with 64 inputs); their powers are exact.

#include "lanes.h"

#define NEAR 0.625f
#define FAR 1.5f

// Floats of a line of `tiles` tiles; vectors may begin anywhere before its end.
static ptrdiff_t winograd_line(ptrdiff_t tiles) { return (tiles + 15) / 16 * 64 + 32; }

#define TEMPLATE "winograd.h"
#include "widths.h"

ptrdiff_t ck_winograd_scratch(ptrdiff_t tiles) { return 12 * winograd_line(tiles); }

void ck_winograd_inputs(const ck_winograd *w, const float *x, ptrdiff_t image_stride, ptrdiff_t first, ptrdiff_t rows, float *out,
                        ptrdiff_t stride, float *scratch) {
    BY_WIDEST(winograd_inputs, w, x, image_stride, first, rows, out, stride, scratch);
}

void ck_winograd_slopes(const ck_winograd *w, const float *dy, ptrdiff_t image_stride, ptrdiff_t first, ptrdiff_t rows, float *out,
                        ptrdiff_t stride, float *scratch) {
    BY_WIDEST(winograd_slopes, w, dy, image_stride, first, rows, out, stride, scratch);
}

void ck_winograd_outputs(const ck_winograd *w, const float *m, ptrdiff_t stride, ptrdiff_t first, ptrdiff_t rows, float bias,
                         const float *residual, float *y, ptrdiff_t image_stride, float *scratch) {
    BY_WIDEST(winograd_outputs, w, m, stride, first, rows, bias, residual, y, image_stride, scratch);
}

// Filters that are transformed together.
enum { FILTERS = 16 };

// u ← G·g of FILTERS filters.
CK_INLINE void transform_filters(double g[3][FILTERS], double u[6][FILTERS]) {
    const double near = NEAR * NEAR, far = FAR * FAR;
    for (int j = 0; j < FILTERS; j++) {
        double even = (g[0][j] + near * g[2][j]) / (2 * near * (near - far)), odd = NEAR * g[1][j] / (2 * near * (near - far));
        double far_even = (g[0][j] + far * g[2][j]) / (2 * far * (far - near)), far_odd = FAR * g[1][j] / (2 * far * (far - near));
        u[0][j] = g[0][j] / (near * far);
        u[1][j] = even + odd;
        u[2][j] = even - odd;
        u[3][j] = far_even + far_odd;
        u[4][j] = far_even - far_odd;
        u[5][j] = g[2][j];
    }
}

CK_CLONES void ck_winograd_filters(const float *filters, ptrdiff_t count, float *out) {
    for (ptrdiff_t first = 0; first < count; first += FILTERS) {
        ptrdiff_t some = count - first < FILTERS ? count - first : FILTERS;
        // By column of the filter and row of the result, so that the second transform reads what it needs side by side.
        double down[6][3][FILTERS] = {{{0}}};
        for (int kx = 0; kx < 3; kx++) {
            double g[3][FILTERS] = {{0}}, u[6][FILTERS];
            for (int ky = 0; ky < 3; ky++)
                for (ptrdiff_t j = 0; j < some; j++) g[ky][j] = filters[9 * (first + j) + 3 * ky + kx];
            transform_filters(g, u);
            for (int k = 0; k < 6; k++) memcpy(down[k][kx], u[k], sizeof u[k]);
        }
        for (int k = 0; k < 6; k++) {
            double u[6][FILTERS];
            transform_filters(down[k], u);
            for (int n = 0; n < 6; n++)
                for (ptrdiff_t j = 0; j < some; j++) out[(6 * k + n) * count + first + j] = (float)u[n][j];
        }
    }
}

// g ← Gᵀ·u of FILTERS filters.
CK_INLINE void transform_back(float u[6][FILTERS], float g[3][FILTERS]) {
    const float near = NEAR * NEAR, far = FAR * FAR, of_near = 1 / (2 * near * (near - far)), of_far = 1 / (2 * far * (far - near));
    for (int j = 0; j < FILTERS; j++) {
        float even = (u[1][j] + u[2][j]) * of_near, odd = (u[1][j] - u[2][j]) * of_near;
        float far_even = (u[3][j] + u[4][j]) * of_far, far_odd = (u[3][j] - u[4][j]) * of_far;
        g[0][j] = u[0][j] * (1 / (near * far)) + even + far_even;
        g[1][j] = NEAR * odd + FAR * far_odd;
        g[2][j] = near * even + far * far_even + u[5][j];
    }
}

CK_CLONES void ck_winograd_filter_slopes(const float *sums, ptrdiff_t count, float *slopes) {
    for (ptrdiff_t first = 0; first < count; first += FILTERS) {
        ptrdiff_t some = count - first < FILTERS ? count - first : FILTERS;
        float along[3][6][FILTERS];
        for (int k = 0; k < 6; k++) {
            float u[6][FILTERS] = {{0}}, g[3][FILTERS];
            for (int n = 0; n < 6; n++) memcpy(u[n], sums + (6 * k + n) * count + first, (size_t)some * sizeof(float));
            transform_back(u, g);
            for (int kx = 0; kx < 3; kx++) memcpy(along[kx][k], g[kx], sizeof g[kx]);
        }
        for (int kx = 0; kx < 3; kx++) {
            float g[3][FILTERS];
            transform_back(along[kx], g);
            for (int ky = 0; ky < 3; ky++)
                for (ptrdiff_t j = 0; j < some; j++) slopes[9 * (first + j) + 3 * ky + kx] += g[ky][j];
        }
    }
}
