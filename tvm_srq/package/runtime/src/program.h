/* The network as data: kernel calls in order, the feature maps between them, the constants they read. network.c has it. */
#ifndef SRQ_PROGRAM_H
#define SRQ_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "ffi.h"
#include "network.h" /* SRQ_MAPS, SRQ_STEPS and other numbers */

enum { SRQ_ALIGNMENT = 64, SRQ_DIMENSIONS = 8, SRQ_SIDE = 6 };

/* n -> (n * multiply + add) / divide */
struct srq_linear {
    int multiply, add, divide;
};

/* A tensor between kernels, with ``halo`` rows and columns around. Map 0 is the picture that comes in, the last map the one that
 * goes out. */
struct srq_map {
    const struct srq_linear *extent; /* its rows (columns) from the picture's: one after another; NULL if none */
    int extents;
    int scale; /* times the picture's rows and columns; 0 if it has no such multiple */
    int channels, halo;
    int storage; /* maps with the same number share memory: a later one is written over an earlier, or each is a part of it */
    struct srq_type type;
    int outside_bytes; /* whose repetition makes every pixel of the halo; NULL without one */
    const unsigned char *outside;
};

/* What a kernel is given, by index. */
struct srq_argument {
    enum { SRQ_FEATURE_MAP, SRQ_CONSTANT } kind;
    int index;
};

/* A map that a step needs, and how many rows it reads above and below its own place. */
struct srq_read {
    int map, reach;
};

/* Its rows are counted on a grid: those of the smallest of its maps. */
struct srq_step {
    srq_kernel *kernel;
    const struct srq_argument *arguments; /* in the order of the kernel's parameters */
    int argument_count;
    const struct srq_read *reads; /* also what is no argument: the map it writes over, all parts of one that it reads */
    int read_count;
    const int *outputs;
    int output_count;
    int scale; /* rows of its grid for each row of the picture; 1 where the network is not executed in strips */
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

static inline int srq_channels(void) { return srq_maps[0].channels; }

/* Rows (columns) of a map for a picture of ``picture``. */
static inline int srq_size(const struct srq_map *map, int picture) {
    int64_t size = picture;
    for (int i = 0; i < map->extents; i++) {
        size = (size * map->extent[i].multiply + map->extent[i].add) / map->extent[i].divide;
    }
    return (int)size;
}

static inline int64_t srq_aligned(int64_t size) { return (size + SRQ_ALIGNMENT - 1) / SRQ_ALIGNMENT * SRQ_ALIGNMENT; }

static inline int srq_min(int a, int b) { return a < b ? a : b; }

static inline int srq_max(int a, int b) { return a > b ? a : b; }

#endif
