#include "picture.h"

#include <string.h>

int srq_is_compact(const tvm_srq_picture *picture) {
    return picture->format == TVM_SRQ_RGB888 && picture->stride == 3 * (ptrdiff_t)picture->width;
}

void srq_load_rows(unsigned char *rgb, const tvm_srq_picture *picture, int first, int count) {
    size_t width = (size_t)picture->width;
    for (int y = first; y < first + count; y++, rgb += 3 * width) {
        const unsigned char *row = picture->data + y * picture->stride;
        if (picture->format == TVM_SRQ_RGB888) {
            memcpy(rgb, row, 3 * width);
            continue;
        }
        for (size_t x = 0; x < width; x++) {
            rgb[3 * x] = row[4 * x];
            rgb[3 * x + 1] = row[4 * x + 1];
            rgb[3 * x + 2] = row[4 * x + 2];
        }
    }
}

void srq_store_rows(const tvm_srq_picture *picture, const unsigned char *rgb, int first, int count,
                    const tvm_srq_picture *source, int scale) {
    size_t width = (size_t)picture->width;
    for (int y = first; y < first + count; y++, rgb += 3 * width) {
        unsigned char *row = picture->data + y * picture->stride;
        if (picture->format == TVM_SRQ_RGB888) {
            memcpy(row, rgb, 3 * width);
            continue;
        }
        const unsigned char *alpha = source->format == TVM_SRQ_RGBA8888 ? source->data + y / scale * source->stride + 3 : NULL;
        for (size_t x = 0; x < width; x++) {
            row[4 * x] = rgb[3 * x];
            row[4 * x + 1] = rgb[3 * x + 1];
            row[4 * x + 2] = rgb[3 * x + 2];
            row[4 * x + 3] = alpha ? alpha[4 * (x / (size_t)scale)] : 255;
        }
    }
}
