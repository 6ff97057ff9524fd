/* Weights are held at the width of their codes: 4-bit weights of a Winograd kernel take 4.5 bytes here, 16 as it reads them. */
#include "weights.h"

#include <string.h>

static int64_t element_count(const struct srq_constant *constant) {
    int64_t count = 1;
    for (int i = 0; i < constant->ndim; i++) count *= constant->shape[i];
    return count;
}

static int64_t byte_count(const struct srq_constant *constant) { return element_count(constant) * constant->type.bits / 8; }

int64_t srq_expanded_size(void) {
    int64_t size = 0;
    for (int i = 0; i < SRQ_CONSTANTS; i++) {
        if (srq_constants[i].form != SRQ_PLAIN) size += srq_aligned(byte_count(&srq_constants[i]));
    }
    return size;
}

/* The code at ``index``: ``bits`` <= 8 bits of a little-endian stream. */
static int code_at(const unsigned char *data, int64_t index, int bits) {
    int64_t bit = index * bits;
    unsigned value = data[bit / 8];
    if (bit % 8 + bits > 8) value |= (unsigned)data[bit / 8 + 1] << 8;
    return (int)(value >> (bit % 8) & ((1u << bits) - 1)) - (1 << (bits - 1));
}

static void store(unsigned char *memory, int64_t index, int bits, int value) {
    if (bits == 8) {
        ((int8_t *)memory)[index] = (int8_t)value;
    } else {
        ((int16_t *)memory)[index] = (int16_t)value;
    }
}

static void expand_codes(const struct srq_constant *constant, unsigned char *memory) {
    const unsigned char *data = srq_constant_data + constant->offset;
    for (int64_t i = 0; i < element_count(constant); i++) {
        store(memory, i, constant->type.bits, code_at(data, i, constant->bits));
    }
}

/* (2G) w (2G)^T, where 2G has the rows (2 0 0), (1 1 1), (1 -1 1), (0 0 2): Lavin and Gray's transform, in integers. */
static void transform(const int w[9], int transformed[4][4]) {
    int rows[4][3];
    for (int x = 0; x < 3; x++) {
        int a = w[x], b = w[3 + x], c = w[6 + x];
        rows[0][x] = 2 * a;
        rows[1][x] = a + b + c;
        rows[2][x] = a - b + c;
        rows[3][x] = 2 * c;
    }
    for (int y = 0; y < 4; y++) {
        int a = rows[y][0], b = rows[y][1], c = rows[y][2];
        transformed[y][0] = 2 * a;
        transformed[y][1] = a + b + c;
        transformed[y][2] = a - b + c;
        transformed[y][3] = 2 * c;
    }
}

/* The kernel's array is (outer, 4 columns, 2 stages, middle, 2 rows of a stage, inner): rows 1 and 2 are the first stage, 0
 * and 3 the second, and row 3 is negative. The codes of the 3x3 weights are (outer, middle, inner, 9). */
static void expand_winograd(const struct srq_constant *constant, unsigned char *memory) {
    static const int places[4] = {2, 0, 1, 3}; /* of each row: 2 * stage + row of the stage */
    const unsigned char *data = srq_constant_data + constant->offset;
    const int64_t *shape = constant->shape;
    int64_t outer = shape[0] * shape[1], middle = shape[4], inner = shape[6] * shape[7];
    for (int64_t n = 0; n < outer * middle * inner; n++) {
        int64_t o = n / inner / middle, m = n / inner % middle, i = n % inner;
        int w[9], transformed[4][4];
        for (int tap = 0; tap < 9; tap++) w[tap] = code_at(data, n * 9 + tap, constant->bits);
        transform(w, transformed);
        for (int row = 0; row < 4; row++) {
            int64_t stage = places[row] / 2, half = places[row] % 2;
            for (int column = 0; column < 4; column++) {
                int64_t at = ((((o * 4 + column) * 2 + stage) * middle + m) * 2 + half) * inner + i;
                int value = transformed[row][column];
                store(memory, at, constant->type.bits, row == 3 ? -value : value);
            }
        }
    }
}

void srq_expand_constants(unsigned char *memory, struct srq_tensor tensors[SRQ_CONSTANTS]) {
    for (int i = 0; i < SRQ_CONSTANTS; i++) {
        const struct srq_constant *constant = &srq_constants[i];
        tensors[i] = (struct srq_tensor){
            .device_type = SRQ_CPU, .ndim = constant->ndim, .type = constant->type, .shape = constant->shape};
        if (constant->form == SRQ_PLAIN) {
            tensors[i].data = (void *)(uintptr_t)(srq_constant_data + constant->offset); /* kernels do not write to it */
            continue;
        }
        tensors[i].data = memory;
        if (constant->form == SRQ_CODES) {
            expand_codes(constant, memory);
        } else {
            expand_winograd(constant, memory);
        }
        memory += srq_aligned(byte_count(constant));
    }
}
