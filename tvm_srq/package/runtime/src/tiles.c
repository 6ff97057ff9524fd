#define _DEFAULT_SOURCE /* syscall */
#include "tiles.h"

#include "network.h"

#if SRQ_USES_TILES
#include <sys/syscall.h>
#include <unistd.h>

/* Linux, arch/x86/include/uapi/asm/prctl.h and asm/fpu/types.h */
enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };

int srq_request_tiles(void) { return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0 ? 0 : -1; }
#else
int srq_request_tiles(void) { return 0; }
#endif
