/* Constants as kernels read them, made of what the library holds. */
#ifndef SRQ_WEIGHTS_H
#define SRQ_WEIGHTS_H

#include "program.h"

/* Bytes that srq_expand_constants fills. */
int64_t srq_expanded_size(void);

/* Expand the constants that are held as codes into ``memory``, and set the tensors of all. */
void srq_expand_constants(unsigned char *memory, struct srq_tensor tensors[SRQ_CONSTANTS]);

#endif
