/* Upscaling pictures by a compiled network. Needs the C library and pthreads only.
 *
 * A session is used by one thread at a time; several sessions do not disturb each other.
 */
#ifndef TVM_SRQ_H
#define TVM_SRQ_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TVM_SRQ_API __attribute__((visibility("default")))
#else
#define TVM_SRQ_API
#endif

#define TVM_SRQ_MAX_SIDE 1048576 /* pixels, of the picture that comes in */
#define TVM_SRQ_MAX_THREADS 64

typedef struct tvm_srq tvm_srq;

/* Networks of grey pictures take and give GREY8, others RGB888 and RGBA8888. */
typedef enum {
    TVM_SRQ_GREY8 = 1,    /* 1 byte a pixel */
    TVM_SRQ_RGB888 = 3,   /* 3 bytes a pixel: red, green, blue */
    TVM_SRQ_RGBA8888 = 4, /* 4 bytes a pixel; every pixel's alpha is repeated in the pixels made of it */
} tvm_srq_format;

/* A picture in the caller's memory. Row y starts at data + y * stride; stride is in bytes, at least width pixels. */
typedef struct {
    unsigned char *data;
    int width, height;
    ptrdiff_t stride;
    tvm_srq_format format;
} tvm_srq_picture;

/* How many times wider and higher a picture becomes. */
TVM_SRQ_API int tvm_srq_scale(void);

/* Of a pixel: 3, or 1 if the network's pictures are grey. */
TVM_SRQ_API int tvm_srq_channels(void);

/* Bytes of the one block of memory that a session with so many threads holds for pictures of this size: weights as kernels
 * read them, feature maps, workspace. It grows with the picture's width, and hardly with its height, unless the network looks at
 * the picture as a whole. -1 if the size is less than the network takes (most take 1 pixel), beyond TVM_SRQ_MAX_SIDE, or the
 * memory is beyond what this machine addresses. */
TVM_SRQ_API int64_t tvm_srq_memory_size(int width, int height, int threads);

/* A session that works on so many threads, the calling one included; 0: one for every processor. NULL: no memory. */
TVM_SRQ_API tvm_srq *tvm_srq_open(int threads);

/* Get the memory for pictures of this size now rather than with the first one. 0, or -1 and tvm_srq_error. */
TVM_SRQ_API int tvm_srq_prepare(tvm_srq *session, int width, int height);

/* Upscale ``source`` into ``result``, which is tvm_srq_scale() times as wide and high and overlaps it nowhere. The formats
 * may differ; alpha is 255 where the source has none. Memory is got anew if that of former pictures does not suffice.
 * 0, or -1 and tvm_srq_error; then the result's content is undefined. */
TVM_SRQ_API int tvm_srq_upscale(tvm_srq *session, const tvm_srq_picture *source, const tvm_srq_picture *result);

/* Why the session's last call failed, a sentence; empty if it did not. Never NULL, also for a NULL session. */
TVM_SRQ_API const char *tvm_srq_error(const tvm_srq *session);

/* End the threads and free the memory. NULL is allowed. */
TVM_SRQ_API void tvm_srq_close(tvm_srq *session);

#ifdef __cplusplus
}
#endif
#endif
