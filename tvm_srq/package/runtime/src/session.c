/* The functions of tvm_srq.h. */
#define _POSIX_C_SOURCE 200112L
#include "session.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tiles.h"
#include "weights.h"

static int fail(tvm_srq *session, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(session->error, sizeof session->error, format, arguments);
    va_end(arguments);
    return -1;
}

int tvm_srq_scale(void) { return srq_scale(); }

int tvm_srq_channels(void) { return srq_channels(); }

const char *tvm_srq_error(const tvm_srq *session) {
    return session ? session->error : "there is no session: tvm_srq_open found no memory for it";
}

static int within_limits(int width, int height) {
    return width >= SRQ_SMALLEST && height >= SRQ_SMALLEST && width <= TVM_SRQ_MAX_SIDE && height <= TVM_SRQ_MAX_SIDE;
}

static int thread_count(int threads) {
    long count = threads >= 1 ? threads : sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : (int)(count > TVM_SRQ_MAX_THREADS ? TVM_SRQ_MAX_THREADS : count);
}

/* Where the parts of the block begin: expanded constants, workspaces, feature maps, rows of the pictures; its size. */
struct parts {
    int64_t workspace, maps, input, output, size;
};

static struct parts parts_of(const struct srq_layout *layout, int width, int threads) {
    struct parts parts;
    int64_t row = srq_channels() * (int64_t)width;
    parts.workspace = srq_expanded_size();
    parts.maps = parts.workspace + (int64_t)threads * SRQ_WORKSPACE;
    parts.input = parts.maps + layout->size;
    parts.output = parts.input + srq_aligned(layout->input_rows * row);
    parts.size = parts.output + srq_aligned(layout->output_rows * row * srq_scale()) + SRQ_ALIGNMENT;
    return parts;
}

int64_t tvm_srq_memory_size(int width, int height, int threads) {
    struct srq_layout layout;
    if (!within_limits(width, height)) return -1;
    srq_plan_memory(&layout, width, height);
    int64_t size = parts_of(&layout, width, thread_count(threads)).size;
    return (uint64_t)size > (uint64_t)PTRDIFF_MAX ? -1 : size;
}

tvm_srq *tvm_srq_open(int threads) {
    tvm_srq *session = calloc(1, sizeof *session);
    if (session == NULL) return NULL;
    if (srq_pool_open(&session->pool, thread_count(threads)) != 0) {
        free(session);
        return NULL;
    }
    return session;
}

/* Let go of the block and get one of ``size`` bytes; constants are expanded into it. */
static int get_memory(tvm_srq *session, int64_t size) {
    free(session->memory);
    session->capacity = 0;
    session->memory = (uint64_t)size > (uint64_t)PTRDIFF_MAX ? NULL : malloc((size_t)size);
    if (session->memory == NULL) return -1;
    session->capacity = size;
    uintptr_t misaligned = (uintptr_t)session->memory % SRQ_ALIGNMENT;
    session->block = session->memory + (misaligned ? SRQ_ALIGNMENT - misaligned : 0);
    srq_expand_constants(session->block, session->constants);
    srq_pool_set_workspace(&session->pool, session->block + srq_expanded_size());
    return 0;
}

int tvm_srq_prepare(tvm_srq *session, int width, int height) {
    if (session == NULL) return -1;
    struct srq_frame *frame = &session->frame;
    session->error[0] = '\0';
    if (!within_limits(width, height)) {
        return fail(session, "a picture of %d x %d pixels is not within %d .. %d", width, height, SRQ_SMALLEST,
                    TVM_SRQ_MAX_SIDE);
    }
    if (session->capacity > 0 && frame->width == width && frame->height == height) return 0;
    if (session->capacity == 0 && srq_request_tiles() != 0) {
        return fail(session, "the system lets no process use AMX tiles, which the kernels need: that takes Linux 5.16 or later");
    }
    srq_plan_memory(&frame->layout, width, height);
    struct parts parts = parts_of(&frame->layout, width, session->pool.count);
    if (parts.size > session->capacity && get_memory(session, parts.size) != 0) {
        return fail(session, "no memory: a picture of %d x %d pixels takes %lld bytes", width, height, (long long)parts.size);
    }
    frame->width = width;
    frame->height = height;
    frame->block = session->block + parts.maps;
    frame->input = session->block + parts.input;
    frame->output = session->block + parts.output;
    frame->constants = session->constants;
    return 0;
}

static int check_picture(tvm_srq *session, const tvm_srq_picture *picture, const char *name) {
    if (picture == NULL || picture->data == NULL) return fail(session, "the %s picture is NULL", name);
    if (srq_channels() == 1 && picture->format != TVM_SRQ_GREY8) {
        return fail(session, "the %s picture's format is %d, and this network takes GREY8 alone", name, (int)picture->format);
    }
    if (srq_channels() == 3 && picture->format != TVM_SRQ_RGB888 && picture->format != TVM_SRQ_RGBA8888) {
        return fail(session, "the %s picture's format is %d, neither RGB888 nor RGBA8888", name, (int)picture->format);
    }
    if (picture->stride < (ptrdiff_t)picture->width * (ptrdiff_t)picture->format) {
        return fail(session, "the %s picture's stride of %lld bytes is less than %d pixels of %d bytes", name,
                    (long long)picture->stride, picture->width, (int)picture->format);
    }
    return 0;
}

int tvm_srq_upscale(tvm_srq *session, const tvm_srq_picture *source, const tvm_srq_picture *result) {
    if (session == NULL) return -1;
    if (check_picture(session, source, "source") != 0 || check_picture(session, result, "result") != 0) return -1;
    if (tvm_srq_prepare(session, source->width, source->height) != 0) return -1;
    int scale = srq_scale();
    if (result->width != scale * source->width || result->height != scale * source->height) {
        return fail(session, "the result picture is %d x %d pixels instead of %d x %d", result->width, result->height,
                    scale * source->width, scale * source->height);
    }
    session->pool.error[0] = '\0';
    srq_pool_enter(&session->pool);
    int status = srq_execute(&session->frame, source, result);
    srq_pool_leave();
    return status == 0 ? 0 : fail(session, "a kernel failed: %s", session->pool.error);
}

void tvm_srq_close(tvm_srq *session) {
    if (session == NULL) return;
    srq_pool_close(&session->pool);
    free(session->memory);
    free(session);
}
