/* Functions at several lanes (widen.c). */
#ifndef ONNXCC_LOOP_WIDEN_H
#define ONNXCC_LOOP_WIDEN_H
#include "loop.h"

/* Lets and a return only: nothing that could differ between lanes. Callees are not looked at. */
bool code_is_straight(const Code *code);
/* May be called with vectors: it and what it calls of the library are straight. */
bool function_is_straight(const Program *program, const char *name);
/* The straight function in every lane. */
Code function_widened(Program *program, const Code *scalar, uint16_t lanes);
#endif
