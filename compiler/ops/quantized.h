/* Arithmetic of quantised tensors, real = (q - zero point) * scale, in f32 and in the order in which ONNX Runtime's CPU kernels do it, so that
 * results are equal to the last bit. Scales and zero points are operands of the node. */
#ifndef ONNXCC_OPS_QUANTIZED_H
#define ONNXCC_OPS_QUANTIZED_H
#include "expressions.h"

/* Operands `scale` and `zero` (0: the operator has none) must be single numbers where they are present. */
void infer_quantisation(Infer *infer, uint32_t scale, uint32_t zero, const char *what);

Expr quantized_single(Meaning *m, uint32_t operand);  /* the operand's one element, of its compute type */
Expr quantized_scale(Meaning *m, uint32_t operand);   /* the same as f32 */
Expr quantized_zero(Meaning *m, uint32_t operand);    /* the same as i32; 0 if the operand is absent */

/* (q - zero) * scale; zero: i32, scale: f32. */
Expr quantized_real(Meaning *m, Expr q, Expr zero, Expr scale);
/* round(value) + zero, saturated to the integer element: of its compute type. value: f32 or f64, real over the result's scale; zero: i32. Halves
 * go to even before zero is added. NaN gives the least. */
Expr quantized_round(Meaning *m, Element to, Expr value, Expr zero);
/* round(value), saturated: for kernels that add the zero point before they round. */
Expr quantized_saturate(Meaning *m, Element to, Expr value);
/* A real number as one of the float element `to`, still in its compute type: what lies beyond its range becomes what ONNX Cast-25 says, by the
 * node's attribute saturate (cast.c). */
Expr cast_to_float(Meaning *m, Element to, Expr value);
#endif
