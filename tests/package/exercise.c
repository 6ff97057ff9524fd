/* Pictures of many sizes through two sessions at once, of one and of three threads, for sanitizers. No kernel may want more
 * workspace than planned. */
#include <stdio.h>
#include <stdlib.h>

#include "session.h"

static int upscale(tvm_srq *session, int width, int height, tvm_srq_format format, int gap) {
    int scale = tvm_srq_scale(), channels = (int)format;
    tvm_srq_picture source = {NULL, width, height, width * channels + gap, format};
    tvm_srq_picture result = {NULL, scale * width, scale * height, scale * width * channels + gap, format};
    size_t size = (size_t)source.stride * (size_t)(height - 1) + (size_t)(width * channels); /* not a byte more than needed */
    size_t result_size = (size_t)result.stride * (size_t)(scale * height - 1) + (size_t)(scale * width * channels);
    source.data = malloc(size);
    result.data = malloc(result_size);
    if (source.data == NULL || result.data == NULL) return -1;
    for (size_t i = 0; i < size; i++) source.data[i] = (unsigned char)(i * 37 + i / 11);
    int status = tvm_srq_upscale(session, &source, &result);
    if (status != 0) fprintf(stderr, "%s\n", tvm_srq_error(session));
    free(source.data);
    free(result.data);
    return status;
}

/* A session's life; NULL if all is well. */
static void *exercise(void *argument) {
    static const int sizes[][2] = {{1, 1}, {5, 2}, {53, 37}, {1, 9}, {1200, 47}, {53, 37}};
    int threads = *(const int *)argument;
    tvm_srq *session = tvm_srq_open(threads);
    if (session == NULL) return argument;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        tvm_srq_format compact = (tvm_srq_format)tvm_srq_channels();
        if (upscale(session, sizes[i][0], sizes[i][1], compact, 0) != 0) return argument;
        if (upscale(session, sizes[i][0], sizes[i][1], compact == TVM_SRQ_GREY8 ? compact : TVM_SRQ_RGBA8888, 3) != 0) return argument;
        if (tvm_srq_memory_size(sizes[i][0], sizes[i][1], threads) > session->capacity) return argument;
    }
    if (session->pool.overflows != 0) {
        fprintf(stderr, "%d workspaces beyond the plan\n", session->pool.overflows);
        return argument;
    }
    tvm_srq_close(session);
    return NULL;
}

int main(void) {
    int threads[2] = {1, 3};
    pthread_t other;
    void *failed = NULL;
    if (pthread_create(&other, NULL, exercise, &threads[1]) != 0) return 1;
    if (exercise(&threads[0]) != NULL) return 1;
    return pthread_join(other, &failed) != 0 || failed != NULL;
}
