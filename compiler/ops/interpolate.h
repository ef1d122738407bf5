/* Linear and cubic interpolation between elements: weights of taps, and their sum. Shared by Resize and GridSample. */
#ifndef ONNXCC_OPS_INTERPOLATE_H
#define ONNXCC_OPS_INTERPOLATE_H
#include "movement.h"

#define FILTER_VALUES 64u /* most taps that are written out */

typedef struct Filter {
  Scalar real;              /* type of weights and sums */
  bool cubic;               /* else linear */
  bool antialias;           /* stretched where the result is smaller */
  bool exclude_outside;     /* elements outside weigh nothing */
  double a;                 /* coefficient of the cubic kernel */
} Filter;

/* Weight of an element at any distance u >= 0. */
Expr filter_weight(Meaning *m, const Filter *filter, Expr u);
/* Weight of the tap `offset` (0, 1; cubic: -1 .. 2) next to the element before a position, the position being `ratio` (0 .. 1) beyond that
 * element. */
Expr filter_tap(Meaning *m, const Filter *filter, int offset, Expr ratio);
/* Sum over `axes` axes with `taps` taps each of weight[0][t0] * weight[1][t1] * ... * values[t0, t1, ...], nested from the last axis outwards.
 * Values are row-major and overwritten. */
Expr filter_sum(Meaning *m, uint32_t axes, uint32_t taps, Expr (*weight)[4], Expr *values);
#endif
