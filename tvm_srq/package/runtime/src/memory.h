/* Where feature maps lie: one block of memory, shared by those that are never alive together. */
#ifndef SRQ_MEMORY_H
#define SRQ_MEMORY_H

#include "strips.h"

/* Memory of one storage. */
struct srq_placement {
    int map;         /* the first map of the storage; -1: a picture, which is the caller's or staged */
    int first, last; /* its first and last step: it is in use between them in every pass of their group */
    int rows;        /* the most rows it holds at once, halo rows included */
    int carried;     /* the most rows that a pass leaves to a later one */
    int kept;        /* keeps its memory between passes; else what it carries over is copied away in the meantime */
    int64_t row_bytes;
    int64_t offset, carry; /* in the block: of its rows, and of what it carries over (-1: nothing) */
};

struct srq_layout {
    struct srq_placement placements[SRQ_STORAGES];
    int64_t size;                   /* of the block */
    int input_rows, output_rows;    /* the most rows of the pictures that one call reads or writes */
};

void srq_plan_memory(struct srq_layout *layout, int width, int height);

#endif
