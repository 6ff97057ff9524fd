/* print_plan HEIGHT WIDTH ...: passes, size, and every storage's offset and carry, a line for each picture size. */
#include <stdio.h>
#include <stdlib.h>

#include "memory.h"

int main(int argc, char **argv) {
    for (int i = 1; i + 1 < argc; i += 2) {
        struct srq_layout layout;
        struct srq_walk walk;
        int height = atoi(argv[i]), width = atoi(argv[i + 1]), passes = 0;
        srq_plan_memory(&layout, width, height);
        srq_walk_start(&walk, width, height);
        while (srq_walk_next(&walk)) passes++;
        printf("%d %lld", passes, (long long)layout.size);
        for (int s = 0; s < SRQ_STORAGES; s++) {
            const struct srq_placement *placement = &layout.placements[s];
            if (placement->map >= 0) printf(" %lld %lld", (long long)placement->offset, (long long)placement->carry);
        }
        printf("\n");
    }
    return 0;
}
