/* Which body a function of the maths library gets: its own, a fast variant, or the C library's.
 *
 * Kernels call functions by name (exp_f32). --math=fast gives those that have one their variant (exp_fast_f32); what library functions call among
 * themselves stays as it is, for their errors count on it. --libm makes C's functions out of all that C has, wherever they are called, and leaves
 * the rest to the library. Stands before vectorise, since the C library has no lanes. */
#include "passes/loop/loop_passes.h"

#include <string.h>

/* Functions that C has by the same name for double, and with an f behind it for float. */
static const char *const c_functions[] = {"exp",  "exp2", "expm1", "log",  "log1p", "tanh",  "sinh",  "cosh",  "erf", "sin",
                                          "cos",  "tan",  "asin",  "acos", "atan",  "asinh", "acosh", "atanh", "pow", "fmod"};

/* NAME_TYPE begins with `stem`, and nothing but the type follows. */
static bool is_function(const char *name, const char *stem) {
  size_t length = strlen(stem);
  return strncmp(name, stem, length) == 0 && (strcmp(name + length, "_f32") == 0 || strcmp(name + length, "_f64") == 0);
}

static const char *c_function(const char *name) {
  for (size_t i = 0; i < sizeof c_functions / sizeof *c_functions; i++)
    if (is_function(name, c_functions[i])) return c_functions[i];
  return NULL;
}

static bool c_has(const char *name) { return c_function(name) != NULL; }

/* exp_f32 -> exp_fast_f32; NULL if the library has none. */
static const char *fast_name(Program *program, const char *name) {
  const char *type = strrchr(name, '_');
  if (!type) return NULL;
  const char *fast = arena_format(program->arena, "%.*s_fast%s", (int)(type - name), name, type);
  return library_has(fast) ? fast : NULL;
}

static void take_fast(Program *program) {
  for (uint32_t i = 0; i < program->functions.count; i++) {
    const char *fast = program->functions.data[i].defined ? NULL : fast_name(program, program->functions.data[i].name);
    if (fast && program_find_function(program, fast) == UINT32_MAX) program->functions.data[i].name = fast;
  }
}

static void take_c_library(Program *program) {
  program_link_others(program, c_has);
  for (uint32_t i = 0; i < program->functions.count; i++) {
    Code *code = &program->functions.data[i];
    if (!code->defined) code->symbol = arena_format(program->arena, "%s%s", c_function(code->name), code->result == SCALAR_F32 ? "f" : "");
  }
}

void loop_math(Program *program, MathMode mode) {
  if (mode == MATH_FAST) take_fast(program);
  if (mode == MATH_LIBM) take_c_library(program);
}
