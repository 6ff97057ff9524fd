/* The kernel of tests/small_programs.py, as TVM's compiled kernels are called. */
#include <string.h>

#include "ffi.h"

enum { HEAD = 6, PER_SOURCE = 3, MOST = 64 };

static int at(const struct srq_tensor *tensor, int64_t row, int64_t column, int64_t channel) {
    int64_t index = (row * tensor->shape[1] + column) * tensor->shape[2] + channel;
    return tensor->type.bits == 8 ? ((const uint8_t *)tensor->data)[index] : ((const int16_t *)tensor->data)[index];
}

static void put(const struct srq_tensor *tensor, int64_t row, int64_t column, int64_t channel, int64_t value) {
    int64_t index = (row * tensor->shape[1] + column) * tensor->shape[2] + channel;
    if (tensor->type.bits == 8) {
        ((uint8_t *)tensor->data)[index] = (uint8_t)(value & 255);
    } else {
        ((int16_t *)tensor->data)[index] = (int16_t)(value & 255);
    }
}

/* The sum around one place of the output. */
static int64_t gather(const struct srq_tensor *source, const int32_t *numbers, int64_t y, int64_t height, int64_t x, int64_t width,
                      int channel) {
    int halo = numbers[0], reach = numbers[1];
    int64_t rows = source->shape[0] - 2 * halo, columns = source->shape[1] - 2 * halo, total = 0;
    int64_t ratio = rows / height > 1 ? rows / height : 1;
    for (int64_t row = -reach; row < ratio + reach; row++) {
        int64_t column = row < -reach ? -reach : row > reach ? reach : row;
        total += at(source, y * rows / height + row + halo, x * columns / width + column + halo, channel % numbers[2]);
    }
    return total;
}

int __tvm_ffi_mix(void *self, const struct srq_value *arguments, int32_t count, struct srq_value *result);

int __tvm_ffi_mix(void *self, const struct srq_value *arguments, int32_t count, struct srq_value *result) {
    const struct srq_tensor *parameters = arguments[0].content.pointer, *output = arguments[count - 1].content.pointer;
    const int32_t *numbers = parameters->data;
    int sources = numbers[0], halo = numbers[1], first = numbers[2], channels = numbers[3];
    int64_t height = output->shape[0] - 2 * halo, width = output->shape[1] - 2 * halo;
    (void)self, (void)result;
    if (sources != count - 2) return -1;
    for (int64_t y = 0; y < height; y++) {
        for (int64_t x = -halo; x < width + halo; x++) {
            for (int c = 0; c < channels; c++) {
                int64_t total = numbers[5] ? at(output, y + halo, x + halo, first + c) : 0;
                for (int s = 0; s < sources && x >= 0 && x < width; s++) {
                    const struct srq_tensor *source = arguments[1 + s].content.pointer;
                    total += (s + 1) * gather(source, numbers + HEAD + PER_SOURCE * s, y, height, x, width, c);
                }
                put(output, y + halo, x + halo, first + c, x >= 0 && x < width ? total : numbers[4] + first + c);
            }
        }
    }
    return 0;
}
