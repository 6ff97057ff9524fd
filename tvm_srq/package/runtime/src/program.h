/* The network as data: kernel calls in order, the feature maps between them, the constants they read. network.c has it. */
#ifndef SRQ_PROGRAM_H
#define SRQ_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "ffi.h"
#include "network.h" /* SRQ_MAPS, SRQ_STEPS and other numbers */

enum { SRQ_ALIGNMENT = 64, SRQ_DIMENSIONS = 8, SRQ_OUTPUTS = 2, SRQ_SIDE = 6 };

/* A tensor between kernels: scale * height rows of scale * width pixels, and ``halo`` rows and columns around them. Map 0 is
 * the picture that comes in, the last map the one that goes out. */
struct srq_map {
    int scale, channels, halo;
    int storage; /* maps with the same number share memory, each later one written over the one before */
    struct srq_type type;
    int outside_bytes; /* whose repetition makes every pixel of the halo; NULL without one */
    const unsigned char *outside;
};

struct srq_step {
    srq_kernel *kernel;
    int first_constant, constants;
    int source, skip; /* maps that are read; skip -1: none */
    int outputs[SRQ_OUTPUTS], output_count;
    int reach;   /* rows above and below a row that it reads */
    int shuffle; /* rows of the outputs for one row of the source */
};

/* How srq_constant_data holds a constant. */
enum srq_form {
    SRQ_PLAIN, /* as kernels read it */
    SRQ_CODES, /* integers of ``bits`` bits, offset by 2^(bits - 1), little end first */
    SRQ_TILES  /* codes of 3x3 weights, which become tiles of Winograd kernels */
};

/* How a kernel lays out tiles of side x side transformed weights. Element (y, x) is the sum of rows[y][a] * columns[x][b] *
 * w[a][b], y_offsets[y] + x_offsets[x] elements behind the tile's first. Tiles are counted by (outer, middle, inner), and their
 * firsts lie strides[0], strides[1] and 1 elements apart. */
struct srq_tiles {
    int side;
    int rows[SRQ_SIDE][3], columns[SRQ_SIDE][3];
    int64_t y_offsets[SRQ_SIDE], x_offsets[SRQ_SIDE];
    int64_t counts[3], strides[2];
};

struct srq_constant {
    enum srq_form form;
    int bits;
    const struct srq_tiles *tiles; /* NULL for other forms */
    struct srq_type type;
    int ndim;
    int64_t shape[SRQ_DIMENSIONS];
    size_t offset; /* in srq_constant_data */
};

extern const struct srq_map srq_maps[SRQ_MAPS];
extern const struct srq_step srq_steps[SRQ_STEPS];
extern const struct srq_constant srq_constants[SRQ_CONSTANTS];
extern const unsigned char srq_constant_data[];

static inline int srq_pixel_bytes(const struct srq_map *map) { return map->channels * map->type.bits / 8; }

static inline int srq_scale(void) { return srq_maps[SRQ_MAPS - 1].scale; }

static inline int64_t srq_aligned(int64_t size) { return (size + SRQ_ALIGNMENT - 1) / SRQ_ALIGNMENT * SRQ_ALIGNMENT; }

static inline int srq_min(int a, int b) { return a < b ? a : b; }

static inline int srq_max(int a, int b) { return a > b ? a : b; }

#endif
