/* What a session holds. */
#ifndef SRQ_SESSION_H
#define SRQ_SESSION_H

#include "execute.h"
#include "threads.h"

struct tvm_srq {
    struct srq_pool pool;
    struct srq_frame frame;
    unsigned char *memory, *block; /* one allocation, and its first aligned byte */
    int64_t capacity;
    struct srq_tensor constants[SRQ_CONSTANTS];
    char error[2 * SRQ_ERROR_LENGTH];
};

#endif
