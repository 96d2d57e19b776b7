#pragma once
#if !__has_include(<png.h>)
#error "png.h is missing: apt-get install libpng-dev (macOS: brew install libpng)"
#endif
#include <png.h>
