/* The tiles of Intel AMX, which Linux gives to a process that asks for them. */
#ifndef SRQ_TILES_H
#define SRQ_TILES_H

/* Ask for them if the kernels use any; 0, or -1 if the system refuses. Asking again does no harm. */
int srq_request_tiles(void);

#endif
