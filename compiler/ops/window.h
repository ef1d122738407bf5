/* Sliding windows of convolutions and pools: one plan that shape rules and meanings share. */
#ifndef ONNXCC_OPS_WINDOW_H
#define ONNXCC_OPS_WINDOW_H
#include "expressions.h"

/* One spatial axis. Output o reads the input elements o * stride + k * dilation - pad_begin for k in 0 .. kernel - 1; those outside are padding. */
typedef struct WindowAxis {
  Dim     input, kernel, output; /* elements */
  int64_t stride, dilation;
  Dim     pad_begin, pad_end;    /* elements; expressions of the input's dims where auto_pad is SAME_* */
  bool    may_start_early;       /* a window may begin before the first element */
  bool    may_end_late;          /* a window may end behind the last element */
  bool    may_leave_padding;     /* ceil_mode: a window may end behind the padding too */
} WindowAxis;

typedef struct WindowPlan { uint32_t rank; WindowAxis axis[MAX_RANK]; } WindowPlan;

/* Plans the windows over operand 0's axes 2.. from the attributes kernel_shape, strides, dilations, pads and auto_pad. `kernel` holds one extent an
 * axis, or is NULL where kernel_shape is required. Reports what does not fit and returns false. ONNX Conv-22, MaxPool-22. */
bool window_plan(Infer *infer, const Dim *kernel, bool ceil_mode, WindowPlan *plan);
/* The same for a transposed convolution: output o collects input i at k where o = i * stride + k * dilation - pad_begin. ONNX ConvTranspose-22. */
bool window_plan_transposed(Infer *infer, const Dim *kernel, WindowPlan *plan);

/* Loop names of spatial axis `axis` of `rank`: od oh ow, kd kh kw. */
const char *window_output_name(uint32_t rank, uint32_t axis);
const char *window_kernel_name(uint32_t rank, uint32_t axis);

/* The kernel positions lo .. hi - 1 that lie on elements for output position `at`; lo may exceed hi. */
typedef struct WindowRange { Expr lo, hi; } WindowRange;
WindowRange window_range(Meaning *m, const WindowAxis *axis, Expr at);
/* The input element of kernel position `k` for output position `at`. */
Expr window_input(Meaning *m, const WindowAxis *axis, Expr at, Expr k);
#endif
