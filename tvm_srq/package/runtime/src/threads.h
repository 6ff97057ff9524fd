/* A pool of threads for the parts of a kernel's loop, and the workspace of each. */
#ifndef SRQ_THREADS_H
#define SRQ_THREADS_H

#include <pthread.h>

#include "program.h"
#include "tvm_srq.h"

enum { SRQ_ERROR_LENGTH = 256 };

struct srq_pool;

/* One thread of a pool; thread 0 is whoever calls. */
struct srq_thread {
    struct srq_pool *pool;
    unsigned char *workspace; /* SRQ_WORKSPACE bytes */
    size_t used;              /* of them; kernels give back what they took last first */
};

struct srq_pool {
    pthread_mutex_t mutex; /* of everything below */
    pthread_cond_t work, finished;
    int count; /* threads, the calling one included */
    struct srq_thread threads[TVM_SRQ_MAX_THREADS];
    pthread_t handles[TVM_SRQ_MAX_THREADS];
    srq_task *task; /* with its closure: what is being worked on */
    void *closure;
    int tasks, next, unfinished, failed, closing;
    int overflows; /* workspaces taken from the heap; a test expects none */
    char error[SRQ_ERROR_LENGTH];
};

/* Start up to ``count`` - 1 threads; fewer if the system does not give more. -1: not even the pool's own parts. */
int srq_pool_open(struct srq_pool *pool, int count);
void srq_pool_close(struct srq_pool *pool);

/* Workspaces for all threads, one after another. */
void srq_pool_set_workspace(struct srq_pool *pool, unsigned char *memory);

/* Between these two calls the calling thread is thread 0 of the pool. */
void srq_pool_enter(struct srq_pool *pool);
void srq_pool_leave(void);

/* The pool's thread that is running, or NULL. */
struct srq_thread *srq_current_thread(void);

/* Run all parts of a loop, in any order, on all threads; 0, or -1 if one failed. */
int srq_parallel(struct srq_pool *pool, srq_task *task, void *closure);

#endif
