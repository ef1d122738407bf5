/* Resize: how far each axis is stretched (resize.c), and where an element comes from (resize_points.c). */
#ifndef ONNXCC_OPS_RESIZE_H
#define ONNXCC_OPS_RESIZE_H
#include "movement.h"

/* One axis of a Resize in a meaning. Where the factor is a ratio of integers, coordinates are computed in integers, exactly. */
typedef struct ResizeAxis {
  bool same;            /* not resized: every element stays where it is */
  bool exact;           /* output size : input size = p : q */
  Expr p, q;            /* index; both positive */
  Expr scale;           /* the factor as f32 */
  Expr in, out;         /* extents */
  Expr roi_start, roi_end; /* f32; 0: no region of interest */
} ResizeAxis;

/* Fills axes[] (meaning_rank(m, 0) many); *bad: run-time operands contradict the shape the compiler worked with. */
void resize_axes_of(Meaning *m, ResizeAxis *axes, Expr *bad);

/* Coordinate in the input of one output position: base + ratio, base an index (maybe outside), 0 <= ratio < 1. */
typedef struct ResizeCoordinate { Expr base, ratio, outside; } ResizeCoordinate; /* outside: to be extrapolated (i1); 0: never */
ResizeCoordinate resize_coordinate(Meaning *m, const ResizeAxis *axis, Expr at, Scalar real);
/* The nearest input position, as nearest_mode says; clamped. */
Expr resize_nearest(Meaning *m, const ResizeAxis *axis, Expr at, Expr *outside);
#endif
