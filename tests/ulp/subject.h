/* The functions under test, running: one loop program with a kernel a function, legalised for this machine with or without fma, run by the
 * interpreter or as emitted C. */
#ifndef ONNXCC_TESTS_ULP_SUBJECT_H
#define ONNXCC_TESTS_ULP_SUBJECT_H
#include <stdbool.h>

enum { BATCH = 1 << 14 };

typedef struct SubjectFunction { const char *name; int operands; bool wide; } SubjectFunction; /* exp_f32, 1, false */

typedef struct Subject Subject;
/* Leaves the program if something goes wrong. */
Subject *subject_open(const SubjectFunction *functions, int count, bool fused, bool compiled);
/* results[BATCH] of a[BATCH] and b[BATCH], elements of the function's type. */
void     subject_run(Subject *subject, int function, const void *a, const void *b, void *results);
void     subject_close(Subject *subject);
unsigned subject_operations(const Subject *subject, int function); /* that a call takes: all but constants, and bits taken as another type */
bool     subject_can_compile(bool fused); /* there is a C compiler, and this machine has the instruction */
#endif
