// The element type that the next template is compiled for: Double, or Float when CK_SINGLE is defined.

#undef REAL
#undef VEC
#undef MASK
#undef WHOLE
#undef LANES
#undef NAME
#undef SPLAT
#undef ABS
#undef SELECT
#undef COLUMNS
#undef FOUR

#ifdef CK_SINGLE
#define REAL float
#define VEC v16
#define MASK i16
#define WHOLE int32_t
#define LANES 16
#define FOUR v4f
#define NAME(f) f##_f32
#define SPLAT(x) ((v16){(x), (x), (x), (x), (x), (x), (x), (x), (x), (x), (x), (x), (x), (x), (x), (x)})
#define ABS(x) ((v16)((i16)(x) & INT32_MAX))
#define COLUMNS ((v16){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15})
#else
#define REAL double
#define VEC v8
#define MASK i8
#define WHOLE int64_t
#define LANES 8
#define FOUR v4
#define NAME(f) f##_f64
#define SPLAT CK_SPLAT
#define ABS CK_ABS
#define COLUMNS CK_LANES
#endif
#define SELECT(mask, a, b) ((VEC)(((MASK)(mask) & (MASK)(a)) | (~(MASK)(mask) & (MASK)(b))))
