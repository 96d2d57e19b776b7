#include "../CPNG/shim.h"
#include "cimagecodecs.h"
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct png_source {
    const uint8_t *bytes;
    size_t left;
    char *message;
};

static void fail(png_structp png, png_const_charp text) {
    struct png_source *source = png_get_error_ptr(png);
    snprintf(source->message, image_message_size, "%s", text);
    longjmp(png_jmpbuf(png), 1);
}

static void ignore(png_structp png, png_const_charp text) {
    (void)png;
    (void)text;
}

static void take(png_structp png, png_bytep target, size_t count) {
    struct png_source *source = png_get_io_ptr(png);
    if (count > source->left) png_error(png, "the end of the file inside a chunk");
    memcpy(target, source->bytes, count);
    source->bytes += count;
    source->left -= count;
}

int decode_png(const uint8_t *bytes, size_t count, size_t pixel_limit, struct decoded_image *image, char *message) {
    struct png_source source = {bytes, count, message};
    // Changed after setjmp and freed after longjmp.
    uint8_t *volatile pixels = NULL;
    png_bytep *volatile rows = NULL;
    memset(image, 0, sizeof *image);
    png_infop info = NULL;
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &source, fail, ignore);
    if (png) info = png_create_info_struct(png);
    if (!info) {
        snprintf(message, image_message_size, "no memory for a decoder");
        png_destroy_read_struct(&png, NULL, NULL);
        return -1;
    }
    if (setjmp(png_jmpbuf(png))) {
        png_destroy_read_struct(&png, &info, NULL);
        free(pixels);
        free(rows);
        return -1;
    }
    // Texts and profiles beside the picture: few, and small ones.
    png_set_chunk_cache_max(png, 100);
    png_set_chunk_malloc_max(png, 8 << 20);
    png_set_read_fn(png, &source, take);
    png_read_info(png, info);
    size_t width = png_get_image_width(png, info), height = png_get_image_height(png, info);
    if (width == 0 || height == 0 || width > pixel_limit / height) {
        snprintf(message, image_message_size, "%zu by %zu pixels", width, height);
        longjmp(png_jmpbuf(png), 1);
    }
    png_set_expand(png);
    png_set_strip_16(png);
    png_set_strip_alpha(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
    size_t channels = png_get_channels(png, info), stride = png_get_rowbytes(png, info);
    if ((channels != 1 && channels != 3) || stride != width * channels) png_error(png, "samples of an unknown layout");
    pixels = malloc(stride * height);
    rows = malloc(height * sizeof *rows);
    if (!pixels || !rows) png_error(png, "a picture that memory does not hold");
    for (size_t y = 0; y < height; y++) rows[y] = pixels + y * stride;
    png_read_image(png, rows);
    png_read_end(png, NULL);
    png_destroy_read_struct(&png, &info, NULL);
    free(rows);
    *image = (struct decoded_image){.bytes = pixels, .width = width, .height = height, .channels = channels};
    return 0;
}
