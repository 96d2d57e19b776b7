// Decoding through libjpeg and libpng. Both report errors by longjmp, which Swift must not be crossed by; it ends in these functions.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { image_message_size = 200 };

/// Rows from the top, pixels from the left, samples interleaved; `bytes` belongs to the caller, who calls free.
struct decoded_image {
    uint8_t *bytes;
    size_t width, height;
    /// 1 (gray) or 3 (red, green, blue).
    size_t channels;
};

/// Decodes a whole JPEG or PNG. Returns 0, or -1 with a line in `message` (of image_message_size bytes) and nothing to free.
///
/// pixel_limit: more pixels than this are an error, found before anything is allocated for them.
/// JPEG: gray stays gray, YCbCr becomes RGB, (inverted) CMYK becomes RGB by multiplication with the black. A data stream that ends early is an error.
/// PNG: palettes are looked up, 16 bits cut to the upper 8, alpha dropped without blending, gamma ignored: what Pillow's convert("RGB") gives.
int decode_jpeg(const uint8_t *bytes, size_t count, size_t pixel_limit, struct decoded_image *image, char *message);
int decode_png(const uint8_t *bytes, size_t count, size_t pixel_limit, struct decoded_image *image, char *message);
