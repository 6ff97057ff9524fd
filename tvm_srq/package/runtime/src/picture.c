#include "picture.h"

#include <string.h>

#include "program.h"

int srq_is_compact(const tvm_srq_picture *picture) {
    int channels = srq_channels();
    return (int)picture->format == channels && picture->stride == channels * (ptrdiff_t)picture->width;
}

void srq_load_rows(unsigned char *rows, const tvm_srq_picture *picture, int first, int count) {
    size_t width = (size_t)picture->width, bytes = width * (size_t)srq_channels();
    for (int y = first; y < first + count; y++, rows += bytes) {
        const unsigned char *row = picture->data + y * picture->stride;
        if ((int)picture->format == srq_channels()) {
            memcpy(rows, row, bytes);
            continue;
        }
        for (size_t x = 0; x < width; x++) {
            rows[3 * x] = row[4 * x];
            rows[3 * x + 1] = row[4 * x + 1];
            rows[3 * x + 2] = row[4 * x + 2];
        }
    }
}

void srq_store_rows(const tvm_srq_picture *picture, const unsigned char *rows, int first, int count,
                    const tvm_srq_picture *source) {
    size_t width = (size_t)picture->width, bytes = width * (size_t)srq_channels(), scale = (size_t)srq_scale();
    for (int y = first; y < first + count; y++, rows += bytes) {
        unsigned char *row = picture->data + y * picture->stride;
        if ((int)picture->format == srq_channels()) {
            memcpy(row, rows, bytes);
            continue;
        }
        const unsigned char *alpha = source->format == TVM_SRQ_RGBA8888 ? source->data + y / srq_scale() * source->stride + 3 : NULL;
        for (size_t x = 0; x < width; x++) {
            row[4 * x] = rows[3 * x];
            row[4 * x + 1] = rows[3 * x + 1];
            row[4 * x + 2] = rows[3 * x + 2];
            row[4 * x + 3] = alpha ? alpha[4 * (x / scale)] : 255;
        }
    }
}
