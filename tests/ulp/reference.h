/* The truth about the functions of compiler/loop/library.lir, three times: in double and long double through the C library, quick and nearly
 * always good enough, and through MPFR, which decides. */
#ifndef ONNXCC_TESTS_ULP_REFERENCE_H
#define ONNXCC_TESTS_ULP_REFERENCE_H
#include <stdbool.h>

typedef struct Reference {
  const char *name;
  void (*quick)(const float *a, const float *b, double *truth, int count);               /* for f32: about 2^-50 of the value wrong */
  void (*quick_wide)(const double *a, const double *b, long double *truth, int count);   /* for f64 */
  int         row;                                     /* for reference_exact */
  bool        steep;                                   /* quick_wide may be wrong by half an ULP where the result is tiny */
} Reference;

const Reference *reference_find(const char *name); /* NULL if there is none */

/* Distance of `got` from the truth in ULP of the type's grid at the truth (f64 if wide); INFINITY where zero, its sign, an infinity or NaN is not
 * that of C. A result that overflowed where the truth does not is taken as 2^128, in f64 as the largest number. */
double reference_distance(long double truth, double got, bool wide);
/* The same, the truth being MPFR's; only with MPFR. */
double reference_exact(const Reference *reference, double a, double b, double got, bool wide);
bool   reference_has_exact(void);
#endif
