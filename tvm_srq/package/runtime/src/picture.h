/* Rows of the caller's pictures as kernels take them, compact RGB or grey, and back. */
#ifndef SRQ_PICTURE_H
#define SRQ_PICTURE_H

#include "tvm_srq.h"

/* Whether kernels can read or write the picture where it is. */
int srq_is_compact(const tvm_srq_picture *picture);

/* Rows from ``first`` on -> compact rows. */
void srq_load_rows(unsigned char *rows, const tvm_srq_picture *picture, int first, int count);

/* Compact rows -> rows from ``first`` on; alpha is that of the source's pixel. */
void srq_store_rows(const tvm_srq_picture *picture, const unsigned char *rows, int first, int count,
                    const tvm_srq_picture *source);

#endif
