#include "../CJPEG/shim.h"
#include "cimagecodecs.h"
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

struct jpeg_failure {
    struct jpeg_error_mgr manager;
    jmp_buf escape;
    char *message;
};

static void fail(j_common_ptr info) {
    struct jpeg_failure *failure = (struct jpeg_failure *)info->err;
    char text[JMSG_LENGTH_MAX];
    info->err->format_message(info, text);
    snprintf(failure->message, image_message_size, "%s", text);
    longjmp(failure->escape, 1);
}

// libjpeg goes on after a warning; a stream that ends early would give gray instead of the picture.
static void warn(j_common_ptr info, int level) {
    if (level < 0 && (info->err->msg_code == JWRN_JPEG_EOF || info->err->msg_code == JWRN_HIT_MARKER)) fail(info);
}

// A progressive file may repeat its scans without end, each costing a pass over the whole picture; real ones have about ten.
static void limit_scans(j_common_ptr info) {
    if (info->is_decompressor && ((j_decompress_ptr)info)->input_scan_number > 200) {
        struct jpeg_failure *failure = (struct jpeg_failure *)info->err;
        snprintf(failure->message, image_message_size, "more than 200 scans");
        longjmp(failure->escape, 1);
    }
}

static void cmyk_to_rgb(const uint8_t *row, uint8_t *out, size_t width, int inverted) {
    for (size_t x = 0; x < width; x++) {
        unsigned black = inverted ? row[4 * x + 3] : 255u - row[4 * x + 3];
        for (int c = 0; c < 3; c++) {
            unsigned light = inverted ? row[4 * x + c] : 255u - row[4 * x + c];
            out[3 * x + c] = (uint8_t)((light * black + 127) / 255);
        }
    }
}

int decode_jpeg(const uint8_t *bytes, size_t count, size_t pixel_limit, struct decoded_image *image, char *message) {
    struct jpeg_decompress_struct info;
    struct jpeg_failure failure;
    struct jpeg_progress_mgr progress = {.progress_monitor = limit_scans};
    // Changed after setjmp and freed after longjmp.
    uint8_t *volatile pixels = NULL;
    uint8_t *volatile row = NULL;
    memset(image, 0, sizeof *image);
    info.err = jpeg_std_error(&failure.manager);
    failure.manager.error_exit = fail;
    failure.manager.emit_message = warn;
    failure.message = message;
    if (setjmp(failure.escape)) {
        jpeg_destroy_decompress(&info);
        free(pixels);
        free(row);
        return -1;
    }
    jpeg_create_decompress(&info);
    info.progress = &progress;
    jpeg_mem_src(&info, (unsigned char *)bytes, (unsigned long)count);
    jpeg_read_header(&info, TRUE);
    int is_cmyk = info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK;
    info.out_color_space = is_cmyk ? JCS_CMYK : info.jpeg_color_space == JCS_GRAYSCALE ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_calc_output_dimensions(&info);
    size_t width = info.output_width, height = info.output_height, channels = info.out_color_space == JCS_GRAYSCALE ? 1 : 3;
    if (width == 0 || height == 0 || width > pixel_limit / height) {
        snprintf(message, image_message_size, "%zu by %zu pixels", width, height);
        jpeg_destroy_decompress(&info);
        return -1;
    }
    jpeg_start_decompress(&info);
    pixels = malloc(width * height * channels);
    row = is_cmyk ? malloc(width * 4) : NULL;
    if (!pixels || (is_cmyk && !row)) {
        snprintf(message, image_message_size, "no memory for %zu by %zu pixels", width, height);
        longjmp(failure.escape, 1);
    }
    while (info.output_scanline < height) {
        uint8_t *target = pixels + info.output_scanline * width * channels;
        JSAMPROW line = is_cmyk ? row : target;
        if (jpeg_read_scanlines(&info, &line, 1) != 1) {
            snprintf(message, image_message_size, "no more rows after %u", info.output_scanline);
            longjmp(failure.escape, 1);
        }
        if (is_cmyk) cmyk_to_rgb(row, target, width, info.saw_Adobe_marker);
    }
    jpeg_finish_decompress(&info);
    jpeg_destroy_decompress(&info);
    free(row);
    *image = (struct decoded_image){.bytes = pixels, .width = width, .height = height, .channels = channels};
    return 0;
}
