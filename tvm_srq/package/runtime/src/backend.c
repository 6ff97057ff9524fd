/* What TVM's compiled kernels call of their runtime. They call it through pointers, which are set here. */
#define _POSIX_C_SOURCE 200112L
#include <stdio.h>
#include <stdlib.h>

#include "threads.h"

typedef void *alloc_workspace(int device_type, int device_id, uint64_t size, int code, int bits);
typedef int free_workspace(int device_type, int device_id, void *memory);
typedef int parallel_launch(srq_task *task, void *closure, int tasks);

extern alloc_workspace *__TVMBackendAllocWorkspace;
extern free_workspace *__TVMBackendFreeWorkspace;
extern parallel_launch *__TVMBackendParallelLaunch;
void TVMFFIErrorSetRaisedFromCStrParts(const char *kind, const char **parts, int32_t count);
void TVMFFIErrorSetRaisedFromCStr(const char *kind, const char *message);

/* A part of the thread's workspace; more than was planned comes from the heap. */
static void *take(int device_type, int device_id, uint64_t size, int code, int bits) {
    (void)device_type, (void)device_id, (void)code, (void)bits;
    struct srq_thread *thread = srq_current_thread();
    uint64_t padded = (size + SRQ_ALIGNMENT - 1) / SRQ_ALIGNMENT * SRQ_ALIGNMENT;
    if (padded <= SRQ_WORKSPACE - thread->used) {
        void *memory = thread->workspace + thread->used;
        thread->used += (size_t)padded;
        return memory;
    }
    void *memory = NULL;
    if (posix_memalign(&memory, SRQ_ALIGNMENT, (size_t)padded) != 0) return NULL;
    pthread_mutex_lock(&thread->pool->mutex);
    thread->pool->overflows++;
    pthread_mutex_unlock(&thread->pool->mutex);
    return memory;
}

static int give_back(int device_type, int device_id, void *memory) {
    (void)device_type, (void)device_id;
    struct srq_thread *thread = srq_current_thread();
    uintptr_t at = (uintptr_t)memory, begin = (uintptr_t)thread->workspace;
    if (at >= begin && at < begin + SRQ_WORKSPACE) {
        thread->used = at - begin;
    } else {
        free(memory);
    }
    return 0;
}

static int launch(srq_task *task, void *closure, int tasks) {
    (void)tasks; /* always 0: as many as there are threads, or more */
    return srq_parallel(srq_current_thread()->pool, task, closure);
}

alloc_workspace *__TVMBackendAllocWorkspace = take;
free_workspace *__TVMBackendFreeWorkspace = give_back;
parallel_launch *__TVMBackendParallelLaunch = launch;

void TVMFFIErrorSetRaisedFromCStrParts(const char *kind, const char **parts, int32_t count) {
    struct srq_pool *pool = srq_current_thread()->pool;
    size_t used = 0;
    pthread_mutex_lock(&pool->mutex);
    for (int32_t i = -1; i < count && used + 1 < sizeof pool->error; i++) {
        const char *part = i < 0 ? kind : parts[i];
        int length = snprintf(pool->error + used, sizeof pool->error - used, i < 0 ? "%s: " : "%s", part ? part : "");
        used += length > 0 ? (size_t)length : 0;
    }
    pthread_mutex_unlock(&pool->mutex);
}

void TVMFFIErrorSetRaisedFromCStr(const char *kind, const char *message) {
    TVMFFIErrorSetRaisedFromCStrParts(kind, &message, 1);
}
