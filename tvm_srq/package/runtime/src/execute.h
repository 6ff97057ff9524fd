/* Executing the program pass by pass on feature maps in memory planned beforehand. */
#ifndef SRQ_EXECUTE_H
#define SRQ_EXECUTE_H

#include "memory.h"
#include "tvm_srq.h"

/* Memory for pictures of one size. */
struct srq_frame {
    struct srq_layout layout;
    int width, height;
    unsigned char *block;         /* of the layout */
    unsigned char *input, *output; /* compact rows of one call, for pictures that kernels cannot take as they are */
    const struct srq_tensor *constants;
};

/* Upscale; sizes are checked before. 0, or -1 if a kernel fails. */
int srq_execute(const struct srq_frame *frame, const tvm_srq_picture *source, const tvm_srq_picture *result);

#endif
