#include "memory.h"

#include <string.h>

static void widen_span(struct srq_placement *placements, int map, int step) {
    struct srq_placement *placement = &placements[srq_maps[map].storage];
    placement->first = srq_min(placement->first, step);
    placement->last = srq_max(placement->last, step);
}

/* Steps between which every storage is in use. */
static void find_spans(struct srq_placement *placements, int width) {
    for (int s = 0; s < SRQ_STORAGES; s++) {
        placements[s] = (struct srq_placement){.map = -1, .first = SRQ_STEPS, .last = -1, .carry = -1};
    }
    for (int index = 0; index < SRQ_STEPS; index++) {
        const struct srq_step *step = &srq_steps[index];
        for (int i = 0; i < step->read_count; i++) widen_span(placements, step->reads[i].map, index);
        for (int i = 0; i < step->output_count; i++) widen_span(placements, step->outputs[i], index);
    }
    for (int i = SRQ_MAPS - 2; i > 0; i--) {
        struct srq_placement *placement = &placements[srq_maps[i].storage];
        placement->map = i;
        placement->row_bytes = ((int64_t)srq_size(&srq_maps[i], width) + 2 * srq_maps[i].halo) * srq_pixel_bytes(&srq_maps[i]);
    }
}

/* Widen the rows of the pictures that one call reads or writes by those of a step in this pass. */
static void count_picture_rows(struct srq_layout *layout, const struct srq_walk *walk, int index) {
    const struct srq_step *step = &srq_steps[index];
    int count = walk->end[index] - walk->begin[index];
    for (int i = 0; i < step->read_count; i++) {
        if (step->reads[i].map != 0) continue;
        layout->input_rows = srq_max(layout->input_rows, count * srq_ratio(walk, step, 0));
    }
    for (int i = 0; i < step->output_count; i++) {
        if (step->outputs[i] != SRQ_MAPS - 1) continue;
        layout->output_rows = srq_max(layout->output_rows, count * srq_ratio(walk, step, SRQ_MAPS - 1));
    }
}

/* Rows that every storage holds and carries over at most, and that one call reads or writes of the pictures. */
static void find_rows(struct srq_layout *layout, int width, int height) {
    struct srq_walk walk;
    int base[SRQ_STORAGES], needed[SRQ_STORAGES], held[SRQ_STORAGES];
    for (int s = 0; s < SRQ_STORAGES; s++) {
        int map = layout->placements[s].map;
        base[s] = map < 0 ? 0 : -srq_maps[map].halo;
    }
    layout->input_rows = layout->output_rows = 0;
    srq_walk_start(&walk, width, height);
    while (srq_walk_next(&walk)) {
        srq_needed_rows(&walk, needed);
        srq_held_rows(&walk, held);
        for (int i = 1; i < SRQ_MAPS - 1; i++) {
            struct srq_placement *placement = &layout->placements[srq_maps[i].storage];
            placement->rows = srq_max(placement->rows, walk.done[i] + srq_maps[i].halo - base[srq_maps[i].storage]);
        }
        for (int s = 0; s < SRQ_STORAGES && !srq_walk_ends(&walk); s++) {
            layout->placements[s].carried = srq_max(layout->placements[s].carried, held[s] - needed[s]);
        }
        for (int index = walk.first; index < walk.last; index++) count_picture_rows(layout, &walk, index);
        memcpy(base, needed, sizeof base);
    }
}

static int within_one_group(const struct srq_placement *placement) {
    for (int group = 0; group < SRQ_GROUPS; group++) {
        int first, last;
        srq_group_steps(group, &first, &last);
        if (first <= placement->first && placement->last < last) return 1;
    }
    return 0;
}

static int64_t size_of(const struct srq_placement *placement) { return placement->rows * placement->row_bytes; }

/* Whether two storages hold rows at the same time. */
static int meet(const struct srq_placement *a, const struct srq_placement *b) {
    return a->kept || b->kept || (a->first <= b->last && b->first <= a->last);
}

/* The lowest aligned offset where the storage has room whenever it is in use; ``placed`` are sorted by offset. */
static int64_t lowest_gap(const struct srq_placement *placement, struct srq_placement *const placed[], int count) {
    int64_t at = 0;
    for (int i = 0; i < count; i++) {
        if (!meet(placed[i], placement)) continue;
        if (placed[i]->offset >= at + size_of(placement)) break;
        int64_t end = srq_aligned(placed[i]->offset + size_of(placed[i]));
        if (end > at) at = end;
    }
    return at;
}

static void insert_by_offset(struct srq_placement *placed[], int count, struct srq_placement *placement) {
    int i = count;
    for (; i > 0 && placed[i - 1]->offset > placement->offset; i--) placed[i] = placed[i - 1];
    placed[i] = placement;
}

/* Largest first, those that are in use together side by side. */
static void place(struct srq_layout *layout) {
    struct srq_placement *sorted[SRQ_STORAGES], *placed[SRQ_STORAGES];
    int count = 0;
    for (int s = 0; s < SRQ_STORAGES; s++) {
        struct srq_placement *placement = &layout->placements[s];
        if (placement->map < 0) continue;
        int i = count++;
        for (; i > 0 && size_of(sorted[i - 1]) < size_of(placement); i--) sorted[i] = sorted[i - 1];
        sorted[i] = placement;
    }
    layout->size = 0;
    for (int i = 0; i < count; i++) {
        sorted[i]->offset = lowest_gap(sorted[i], placed, i);
        insert_by_offset(placed, i, sorted[i]);
        int64_t end = srq_aligned(sorted[i]->offset + size_of(sorted[i]));
        if (end > layout->size) layout->size = end;
    }
}

void srq_plan_memory(struct srq_layout *layout, int width, int height) {
    find_spans(layout->placements, width);
    find_rows(layout, width, height);
    for (int s = 0; s < SRQ_STORAGES; s++) {
        struct srq_placement *placement = &layout->placements[s];
        placement->kept = !within_one_group(placement) || 2 * placement->carried > placement->rows;
    }
    place(layout);
    for (int s = 0; s < SRQ_STORAGES; s++) {
        struct srq_placement *placement = &layout->placements[s];
        if (placement->map < 0 || placement->kept || placement->carried <= 0) continue;
        placement->carry = layout->size;
        layout->size += srq_aligned(placement->carried * placement->row_bytes);
    }
}
