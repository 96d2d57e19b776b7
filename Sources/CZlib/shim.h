#ifndef LOEWNER_CZLIB_SHIM_H
#define LOEWNER_CZLIB_SHIM_H
#if !__has_include(<zlib.h>)
#error "zlib headers are missing: apt-get install zlib1g-dev"
#else
#include <zlib.h>
// Macros that Swift does not import.
static inline int czlib_inflate_init_raw(z_streamp stream) { return inflateInit2(stream, -MAX_WBITS); }
static inline int czlib_deflate_init_raw(z_streamp stream, int level) {
    return deflateInit2(stream, level, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
}
#endif
#endif
