// Rows with margins of zeros, for one kind of vector: vectors that lie within what is valid are copied, others masked.
//
// Before inclusion: the vectors of lanes.h.

static void NAME(shift)(const float *x, ptrdiff_t x_stride, ptrdiff_t rows, ptrdiff_t low, ptrdiff_t high, ptrdiff_t width, float *out) {
    ptrdiff_t whole = width / LANES * LANES;
    int tail = (int)(width - whole);
    for (ptrdiff_t row = 0; row < rows; row++, x += x_stride, out += width) {
        for (ptrdiff_t i = 0; i < whole; i += LANES) {
            if (i >= low && i + LANES <= high) {
                STORE(out + i, LOAD(x + i));
            } else {
                ptrdiff_t from = low - i < 0 ? 0 : low - i, to = high - i > LANES ? LANES : high - i;
                if (from < to) STORE(out + i, LOAD_RANGE(x + i, (int)from, (int)to));
                else STORE(out + i, SPLAT(0.0f));
            }
        }
        if (tail == 0) continue;
        ptrdiff_t from = low - whole < 0 ? 0 : low - whole, to = high - whole;
        if (from < to) STORE_SOME(out + whole, LOAD_RANGE(x + whole, (int)from, (int)to), tail);
        else STORE_SOME(out + whole, SPLAT(0.0f), tail);
    }
}
