#include "threads.h"

#include <string.h>

enum { TASKS_PER_THREAD = 4 }; /* so that slow cores take fewer */

static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static int key_made;

static void make_key(void) { key_made = pthread_key_create(&key, NULL) == 0; }

struct srq_thread *srq_current_thread(void) { return key_made ? pthread_getspecific(key) : NULL; }

void srq_pool_enter(struct srq_pool *pool) { pthread_setspecific(key, &pool->threads[0]); }

void srq_pool_leave(void) { pthread_setspecific(key, NULL); }

/* Run parts until none is left. The mutex is held before and after. */
static void work_off(struct srq_pool *pool) {
    while (pool->next < pool->tasks) {
        struct srq_group group = {NULL, pool->tasks};
        srq_task *task = pool->task;
        void *closure = pool->closure;
        int index = pool->next++;
        pthread_mutex_unlock(&pool->mutex);
        int status = task(index, &group, closure);
        pthread_mutex_lock(&pool->mutex);
        pool->failed |= status != 0;
        if (--pool->unfinished == 0) pthread_cond_signal(&pool->finished);
    }
}

static void *work(void *argument) {
    struct srq_thread *thread = argument;
    struct srq_pool *pool = thread->pool;
    pthread_setspecific(key, thread);
    pthread_mutex_lock(&pool->mutex);
    while (!pool->closing) {
        work_off(pool);
        if (!pool->closing) pthread_cond_wait(&pool->work, &pool->mutex);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

int srq_pool_open(struct srq_pool *pool, int count) {
    memset(pool, 0, sizeof *pool);
    pthread_once(&key_once, make_key);
    if (!key_made || pthread_mutex_init(&pool->mutex, NULL) != 0) return -1;
    if (pthread_cond_init(&pool->work, NULL) != 0) {
        pthread_mutex_destroy(&pool->mutex);
        return -1;
    }
    if (pthread_cond_init(&pool->finished, NULL) != 0) {
        pthread_cond_destroy(&pool->work);
        pthread_mutex_destroy(&pool->mutex);
        return -1;
    }
    for (int i = 0; i < count; i++) {
        pool->threads[i].pool = pool;
        if (i > 0 && pthread_create(&pool->handles[i], NULL, work, &pool->threads[i]) != 0) break;
        pool->count = i + 1;
    }
    return 0;
}

void srq_pool_close(struct srq_pool *pool) {
    pthread_mutex_lock(&pool->mutex);
    pool->closing = 1;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->mutex);
    for (int i = 1; i < pool->count; i++) pthread_join(pool->handles[i], NULL);
    pthread_cond_destroy(&pool->finished);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->mutex);
}

void srq_pool_set_workspace(struct srq_pool *pool, unsigned char *memory) {
    for (int i = 0; i < pool->count; i++) pool->threads[i].workspace = memory + (size_t)i * SRQ_WORKSPACE;
}

int srq_parallel(struct srq_pool *pool, srq_task *task, void *closure) {
    if (pool->count == 1) {
        struct srq_group group = {NULL, 1};
        return task(0, &group, closure) == 0 ? 0 : -1;
    }
    pthread_mutex_lock(&pool->mutex);
    pool->task = task;
    pool->closure = closure;
    pool->tasks = pool->unfinished = TASKS_PER_THREAD * pool->count;
    pool->next = pool->failed = 0;
    pthread_cond_broadcast(&pool->work);
    work_off(pool);
    while (pool->unfinished > 0) pthread_cond_wait(&pool->finished, &pool->mutex);
    int failed = pool->failed;
    pthread_mutex_unlock(&pool->mutex);
    return failed ? -1 : 0;
}
