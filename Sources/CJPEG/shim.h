#pragma once
#if !__has_include(<jpeglib.h>)
#error "jpeglib.h is missing: apt-get install libjpeg-dev (macOS: brew install jpeg-turbo)"
#endif
// jpeglib.h needs size_t and FILE, and does not ask for them itself.
#include <stddef.h>
#include <stdio.h>
#include <jpeglib.h>
#include <jerror.h>
