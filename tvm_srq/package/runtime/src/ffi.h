/* How TVM's compiled kernels are called, and what they call: the parts of tvm_ffi/c_api.h and tvm/runtime/c_backend_api.h
 * that they use. Sizes and offsets are fixed by TVM. */
#ifndef SRQ_FFI_H
#define SRQ_FFI_H

#include <stdint.h>

enum { SRQ_CPU = 1, SRQ_TENSOR_POINTER = 7 };

struct srq_type {
    uint8_t code; /* 0 signed, 1 unsigned, 2 float */
    uint8_t bits;
    uint16_t lanes;
};

/* DLTensor */
struct srq_tensor {
    void *data;
    int32_t device_type, device_id;
    int32_t ndim;
    struct srq_type type;
    const int64_t *shape;
    const int64_t *strides; /* NULL: compact */
    uint64_t byte_offset;
};

/* TVMFFIAny */
struct srq_value {
    int32_t type_index;
    uint32_t zero_padding;
    union {
        int64_t integer;
        void *pointer;
    } content;
};

typedef int srq_kernel(void *self, const struct srq_value *arguments, int32_t count, struct srq_value *result);

/* TVMParallelGroupEnv: a task is one of num_task parts of a loop. */
struct srq_group {
    void *sync_handle;
    int32_t num_task;
};

typedef int srq_task(int index, struct srq_group *group, void *closure);

#endif
