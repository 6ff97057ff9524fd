#include "strips.h"

#include <string.h>

/* Picture rows of a strip of about ``pixels`` pixels: an even number, 4 at least; all rows where few would be left over. */
static int strip_rows(int pixels, int width, int height) {
    int pairs = pixels / (2 * width), rest = pixels % (2 * width);
    if (rest > width || (rest == width && pairs % 2 == 1)) pairs++; /* half to even */
    int rows = srq_max(2 * pairs, 4);
    return 2 * (int64_t)height <= 3 * (int64_t)rows ? height : rows;
}

void srq_walk_start(struct srq_walk *walk, int width, int height) {
    static const int pixels[SRQ_GROUPS] = SRQ_STRIP_PIXELS;
    memset(walk, 0, sizeof *walk);
    walk->width = width;
    walk->height = height;
    walk->group = SRQ_GROUPS;
    for (int group = 0; group < SRQ_GROUPS; group++) {
        walk->rows[group] = SRQ_IN_STRIPS ? strip_rows(pixels[group], width, height) : height;
    }
    for (int i = 0; i < SRQ_MAPS; i++) walk->total[i] = srq_size(&srq_maps[i], height);
}

void srq_group_steps(int group, int *first, int *last) {
    static const int bounds[SRQ_GROUPS + 1] = SRQ_GROUP_BOUNDS;
    *first = bounds[group];
    *last = bounds[group + 1];
}

int srq_walk_ends(const struct srq_walk *walk) { return walk->done[SRQ_MAPS - 1] == walk->total[SRQ_MAPS - 1]; }

int srq_ratio(const struct srq_walk *walk, const struct srq_step *step, int map) {
    return SRQ_IN_STRIPS ? srq_maps[map].scale / step->scale : walk->total[map];
}

/* Rows of a step's grid. */
static int total_rows(const struct srq_walk *walk, const struct srq_step *step) {
    return SRQ_IN_STRIPS ? step->scale * walk->height : 1;
}

/* The next row of a step's grid. */
static int next_row(const struct srq_walk *walk, const struct srq_step *step) {
    return walk->done[step->outputs[0]] / srq_ratio(walk, step, step->outputs[0]);
}

/* Rows of a step's grid, from the top, for which all that it reads exists; less than 0 may mean none. */
static int available_rows(const struct srq_walk *walk, const struct srq_step *step) {
    int rows = total_rows(walk, step);
    for (int i = 0; i < step->read_count; i++) {
        int map = step->reads[i].map, done = walk->done[map];
        if (done < walk->total[map]) rows = srq_min(rows, (done - step->reads[i].reach) / srq_ratio(walk, step, map));
    }
    return rows;
}

/* Let every step of the group compute what it can, within the group's rows. */
static int advance(struct srq_walk *walk) {
    int any = 0;
    srq_group_steps(walk->group, &walk->first, &walk->last);
    for (int index = walk->first; index < walk->last; index++) {
        const struct srq_step *step = &srq_steps[index];
        int begin = next_row(walk, step);
        int end = srq_min(available_rows(walk, step), begin + walk->rows[walk->group] * step->scale);
        if (end < total_rows(walk, step) && end > begin) end -= (end - begin) % 2; /* kernels work on pairs of rows */
        end = srq_max(end, begin);
        walk->begin[index] = begin;
        walk->end[index] = end;
        if (end == begin) continue;
        any = 1;
        for (int i = 0; i < step->output_count; i++) {
            walk->done[step->outputs[i]] = end * srq_ratio(walk, step, step->outputs[i]);
        }
    }
    return any;
}

int srq_walk_next(struct srq_walk *walk) {
    for (;;) {
        if (walk->group == SRQ_GROUPS) {
            if (srq_walk_ends(walk)) return 0;
            walk->done[0] = srq_min(walk->height, walk->done[0] + walk->rows[0]);
            walk->group = 0;
        }
        if (advance(walk)) return 1;
        walk->group++;
    }
}

/* For every storage, the most rows that one of its maps has. */
static void most_rows(const struct srq_walk *walk, int rows[SRQ_STORAGES]) {
    memset(rows, 0, SRQ_STORAGES * sizeof *rows);
    for (int i = 0; i < SRQ_MAPS; i++) rows[srq_maps[i].storage] = srq_max(rows[srq_maps[i].storage], walk->done[i]);
}

/* Note that a map is used from row ``begin`` of a step's grid on. */
static void need(const struct srq_walk *walk, const struct srq_step *step, int map, int begin, int needed[SRQ_STORAGES]) {
    int row = begin * srq_ratio(walk, step, map) - srq_maps[map].halo, storage = srq_maps[map].storage;
    needed[storage] = srq_min(needed[storage], row);
}

void srq_needed_rows(const struct srq_walk *walk, int needed[SRQ_STORAGES]) {
    most_rows(walk, needed);
    for (int index = 0; index < SRQ_STEPS; index++) {
        const struct srq_step *step = &srq_steps[index];
        int begin = next_row(walk, step);
        if (begin == total_rows(walk, step)) continue;
        for (int i = 0; i < step->read_count; i++) need(walk, step, step->reads[i].map, begin, needed);
        for (int i = 0; i < step->output_count; i++) need(walk, step, step->outputs[i], begin, needed);
    }
}

void srq_held_rows(const struct srq_walk *walk, int held[SRQ_STORAGES]) {
    most_rows(walk, held);
    int seen[SRQ_STORAGES] = {0};
    for (int i = 0; i < SRQ_MAPS; i++) {
        const struct srq_map *map = &srq_maps[i];
        if (seen[map->storage]) continue;
        seen[map->storage] = 1;
        if (held[map->storage] == walk->total[i]) held[map->storage] += map->halo;
    }
}
