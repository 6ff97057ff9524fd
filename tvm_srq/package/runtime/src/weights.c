/* Weights are held at the width of their codes: 4-bit weights of a Winograd kernel take 4.5 bytes a filter here, 16
 * or more as it reads them. */
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

/* Transform one 3x3 filter into its tile at ``first``. */
static void store_tile(const struct srq_tiles *tiles, const int w[9], unsigned char *memory, int64_t first, int bits) {
    int columns[3][SRQ_SIDE];
    for (int a = 0; a < 3; a++) {
        for (int x = 0; x < tiles->side; x++) {
            const int *factors = tiles->columns[x];
            columns[a][x] = factors[0] * w[3 * a] + factors[1] * w[3 * a + 1] + factors[2] * w[3 * a + 2];
        }
    }
    for (int y = 0; y < tiles->side; y++) {
        const int *factors = tiles->rows[y];
        for (int x = 0; x < tiles->side; x++) {
            int value = factors[0] * columns[0][x] + factors[1] * columns[1][x] + factors[2] * columns[2][x];
            store(memory, first + tiles->y_offsets[y] + tiles->x_offsets[x], bits, value);
        }
    }
}

/* The codes are (outer, middle, inner, 9). */
static void expand_tiles(const struct srq_constant *constant, unsigned char *memory) {
    const unsigned char *data = srq_constant_data + constant->offset;
    const struct srq_tiles *tiles = constant->tiles;
    int64_t middle = tiles->counts[1], inner = tiles->counts[2], count = tiles->counts[0] * middle * inner;
    for (int64_t n = 0; n < count; n++) {
        int w[9];
        for (int tap = 0; tap < 9; tap++) w[tap] = code_at(data, n * 9 + tap, constant->bits);
        int64_t first = n / inner / middle * tiles->strides[0] + n / inner % middle * tiles->strides[1] + n % inner;
        store_tile(tiles, w, memory, first, constant->type.bits);
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
            expand_tiles(constant, memory);
        }
        memory += srq_aligned(byte_count(constant));
    }
}
