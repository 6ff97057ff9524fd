/* Which rows every kernel call computes: a picture is worked off in strips of rows, and no row is computed twice.
 *
 * A 3x3 convolution can compute a row once the row below it is there, so every layer runs a little behind the one before it.
 * Steps from the first pixel shuffle on make many more pixels a row; they are a group of their own and take each strip in
 * smaller ones.
 *
 * A step's rows are counted on a grid: the rows of the smallest of its maps, of which each other map has a whole multiple. Where
 * SRQ_IN_STRIPS is 0 the grids have one row, all of every map. */
#ifndef SRQ_STRIPS_H
#define SRQ_STRIPS_H

#include "program.h"

/* The passes over a picture, one after another; a pass is one walk over a group of consecutive steps. */
struct srq_walk {
    int height, width;
    int rows[SRQ_GROUPS];                 /* picture rows that a pass of each group works off at most */
    int group;                            /* that the next pass tries first */
    int first, last;                      /* the pass's first step and the one behind its last */
    int begin[SRQ_STEPS], end[SRQ_STEPS]; /* rows it computes, on each step's grid; none if equal */
    int done[SRQ_MAPS];                   /* rows of every map that exist afterwards */
    int total[SRQ_MAPS];                  /* rows of every map */
};

void srq_walk_start(struct srq_walk *walk, int width, int height);

/* The next pass; 0 if the picture is complete. */
int srq_walk_next(struct srq_walk *walk);

/* Whether the pass completes the picture. */
int srq_walk_ends(const struct srq_walk *walk);

/* Rows of a map for each row of the grid of a step that uses it. */
int srq_ratio(const struct srq_walk *walk, const struct srq_step *step, int map);

/* For every storage, the first row that a later call reads or writes (halo rows above included); its end if none. */
void srq_needed_rows(const struct srq_walk *walk, int needed[SRQ_STORAGES]);

/* For every storage, the end of its rows; the halo rows below it belong to it once one of its maps is complete. */
void srq_held_rows(const struct srq_walk *walk, int held[SRQ_STORAGES]);

/* The steps of a group: the first, and the one behind the last. */
void srq_group_steps(int group, int *first, int *last);

#endif
