#include "execute.h"

#include <string.h>

#include "picture.h"

/* A frame being executed: where the pass stands in every storage. */
struct state {
    const struct srq_frame *frame;
    const tvm_srq_picture *source, *result;
    struct srq_walk walk;
    int previous_base[SRQ_STORAGES]; /* the map's row that lies first in memory: in the pass before, in this one, in the next */
    int base[SRQ_STORAGES];
    int next_base[SRQ_STORAGES];
    int held_before[SRQ_STORAGES], held_after[SRQ_STORAGES]; /* ends of rows before and after the pass */
    int started[SRQ_STORAGES];
    int first_pass;
};

static unsigned char *slot(const struct state *state, int storage, int row) {
    const struct srq_placement *placement = &state->frame->layout.placements[storage];
    return state->frame->block + placement->offset + row * placement->row_bytes;
}

/* Rows of a storage that keeps its memory and are no longer needed make room at the end. */
static void move_up(const struct state *state, int storage) {
    int shift = state->base[storage] - state->previous_base[storage];
    int count = state->held_before[storage] - state->base[storage];
    if (shift <= 0 || count <= 0) return;
    size_t bytes = (size_t)(count * state->frame->layout.placements[storage].row_bytes);
    memmove(slot(state, storage, 0), slot(state, storage, shift), bytes);
}

/* Write a map's halo rows from slot ``row`` on: first what is repeated, then copies of what is there. */
static void fill_halo(const struct state *state, const struct srq_map *map, int row) {
    if (map->halo == 0) return;
    size_t size = (size_t)(map->halo * state->frame->layout.placements[map->storage].row_bytes);
    unsigned char *memory = slot(state, map->storage, row);
    size_t filled = (size_t)map->outside_bytes;
    memcpy(memory, map->outside, filled);
    while (filled < size) {
        size_t count = filled < size - filled ? filled : size - filled;
        memcpy(memory + filled, memory, count);
        filled += count;
    }
}

/* Halo rows above the map in its first pass, what was saved in later ones. */
static void bring_in(struct state *state, int storage) {
    const struct srq_placement *placement = &state->frame->layout.placements[storage];
    int count = state->held_before[storage] - state->base[storage];
    if (!state->started[storage]) {
        state->started[storage] = 1;
        fill_halo(state, &srq_maps[placement->map], 0);
    } else if (!placement->kept && count > 0) {
        memcpy(slot(state, storage, 0), state->frame->block + placement->carry, (size_t)(count * placement->row_bytes));
    }
}

/* Copy away what later passes read of a storage that does not keep its memory. */
static void save(const struct state *state, int storage) {
    const struct srq_placement *placement = &state->frame->layout.placements[storage];
    int count = state->held_after[storage] - state->next_base[storage];
    if (placement->kept || count <= 0 || srq_walk_ends(&state->walk)) return;
    const unsigned char *rows = slot(state, storage, state->next_base[storage] - state->base[storage]);
    memcpy(state->frame->block + placement->carry, rows, (size_t)(count * placement->row_bytes));
}

/* Write the halo rows below maps that a step has completed. */
static void finish_maps(const struct state *state, const struct srq_step *step) {
    for (int i = 0; i < step->output_count; i++) {
        const struct srq_map *map = &srq_maps[step->outputs[i]];
        int end = state->walk.total[step->outputs[i]];
        if (step->outputs[i] == SRQ_MAPS - 1 || state->walk.done[step->outputs[i]] != end) continue;
        fill_halo(state, map, end - state->base[map->storage]);
    }
}

/* A kernel call's arguments and the tensors they point to. */
struct call {
    struct srq_value arguments[SRQ_ARGUMENTS];
    struct srq_tensor tensors[SRQ_ARGUMENTS];
    int64_t shapes[SRQ_ARGUMENTS][3];
    int count;
};

static void add_tensor(struct call *call, const struct srq_tensor *tensor) {
    struct srq_value *value = &call->arguments[call->count++];
    value->type_index = SRQ_TENSOR_POINTER;
    value->zero_padding = 0;
    value->content.pointer = (void *)(uintptr_t)tensor;
}

/* Rows of a map, halo rows and columns included, which start at ``data``. */
static void add_rows(struct call *call, const struct srq_map *map, unsigned char *data, int rows, int width) {
    int64_t *shape = call->shapes[call->count];
    struct srq_tensor *tensor = &call->tensors[call->count];
    shape[0] = rows + 2 * map->halo;
    shape[1] = (int64_t)srq_size(map, width) + 2 * map->halo;
    shape[2] = map->channels;
    *tensor = (struct srq_tensor){.data = data, .device_type = SRQ_CPU, .ndim = 3, .type = map->type, .shape = shape};
    add_tensor(call, tensor);
}

static void add_map(struct call *call, const struct state *state, int index, int begin, int end) {
    const struct srq_map *map = &srq_maps[index];
    unsigned char *data = slot(state, map->storage, begin - map->halo - state->base[map->storage]);
    add_rows(call, map, data, end - begin, state->frame->width);
}

static void add_input(struct call *call, const struct state *state, int begin, int end) {
    unsigned char *rows = state->frame->input;
    if (srq_is_compact(state->source)) {
        rows = state->source->data + begin * state->source->stride;
    } else {
        srq_load_rows(rows, state->source, begin, end - begin);
    }
    add_rows(call, &srq_maps[0], rows, end - begin, state->frame->width);
}

static void add_output(struct call *call, const struct state *state, int begin, int end) {
    int compact = srq_is_compact(state->result);
    unsigned char *rows = compact ? state->result->data + begin * state->result->stride : state->frame->output;
    add_rows(call, &srq_maps[SRQ_MAPS - 1], rows, end - begin, state->frame->width);
}

/* One argument of a step that computes the rows ``begin`` to ``end`` of its grid. */
static void add_argument(struct call *call, const struct state *state, const struct srq_step *step,
                         const struct srq_argument *argument, int begin, int end) {
    if (argument->kind == SRQ_CONSTANT) {
        add_tensor(call, &state->frame->constants[argument->index]);
        return;
    }
    int ratio = srq_ratio(&state->walk, step, argument->index);
    if (argument->index == 0) {
        add_input(call, state, begin * ratio, end * ratio);
    } else if (argument->index == SRQ_MAPS - 1) {
        add_output(call, state, begin * ratio, end * ratio);
    } else {
        add_map(call, state, argument->index, begin * ratio, end * ratio);
    }
}

static int call_kernel(const struct state *state, const struct srq_step *step, int begin, int end) {
    struct call call;
    struct srq_value nothing = {0};
    call.count = 0;
    for (int i = 0; i < step->argument_count; i++) add_argument(&call, state, step, &step->arguments[i], begin, end);
    if (step->kernel(NULL, call.arguments, call.count, &nothing) != 0) return -1;
    for (int i = 0; i < step->output_count; i++) {
        if (step->outputs[i] != SRQ_MAPS - 1 || srq_is_compact(state->result)) continue;
        int ratio = srq_ratio(&state->walk, step, SRQ_MAPS - 1);
        srq_store_rows(state->result, state->frame->output, begin * ratio, (end - begin) * ratio, state->source);
    }
    return 0;
}

/* Everything that a step needs before and leaves after its call. */
static int execute_step(struct state *state, int index) {
    const struct srq_placement *placements = state->frame->layout.placements;
    const struct srq_step *step = &srq_steps[index];
    for (int s = 0; s < SRQ_STORAGES; s++) {
        if (placements[s].map >= 0 && placements[s].first == index) bring_in(state, s);
    }
    if (state->walk.end[index] > state->walk.begin[index]) {
        if (call_kernel(state, step, state->walk.begin[index], state->walk.end[index]) != 0) return -1;
        finish_maps(state, step);
    }
    for (int s = 0; s < SRQ_STORAGES; s++) {
        if (placements[s].map >= 0 && placements[s].last == index) save(state, s);
    }
    return 0;
}

static int execute_pass(struct state *state) {
    srq_needed_rows(&state->walk, state->next_base);
    srq_held_rows(&state->walk, state->held_after);
    for (int s = 0; s < SRQ_STORAGES && !state->first_pass; s++) {
        const struct srq_placement *placement = &state->frame->layout.placements[s];
        if (placement->map >= 0 && placement->kept) move_up(state, s);
    }
    for (int index = state->walk.first; index < state->walk.last; index++) {
        if (execute_step(state, index) != 0) return -1;
    }
    state->first_pass = 0;
    memcpy(state->previous_base, state->base, sizeof state->base);
    memcpy(state->base, state->next_base, sizeof state->base);
    memcpy(state->held_before, state->held_after, sizeof state->held_before);
    return 0;
}

int srq_execute(const struct srq_frame *frame, const tvm_srq_picture *source, const tvm_srq_picture *result) {
    struct state state = {.frame = frame, .source = source, .result = result, .first_pass = 1};
    for (int s = 0; s < SRQ_STORAGES; s++) {
        int map = frame->layout.placements[s].map;
        state.base[s] = map < 0 ? 0 : -srq_maps[map].halo;
    }
    srq_walk_start(&state.walk, frame->width, frame->height);
    while (srq_walk_next(&state.walk)) {
        if (execute_pass(&state) != 0) return -1;
    }
    return 0;
}
