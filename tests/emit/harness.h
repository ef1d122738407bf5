/* Emits loop programs into a folder of their own, compiles them with the machine's C compilers and loads them. */
#ifndef ONNXCC_TESTS_EMIT_HARNESS_H
#define ONNXCC_TESTS_EMIT_HARNESS_H
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "codegen/emit/emit.h"
#include "passes/loop/legalise.h"
#include "passes/loop/place.h"
#include "runtime-min/onnxcc_rt.h"
#include "tests/check.h"

/* Every warning of the house style is an error in emitted C. */
#define STRICT_WARNINGS "-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wdouble-promotion -Wcast-qual -Wundef -Wvla -Wstrict-prototypes -Werror"
#define STRICT_WARNINGS_CPP "-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wdouble-promotion -Wcast-qual -Wundef -Wvla -Werror"

static char harness_folder[64]; /* made by harness_open, removed by harness_close */

static inline bool harness_open(void) {
  strcpy(harness_folder, "/tmp/onnxcc-emit-XXXXXX");
  return mkdtemp(harness_folder) != NULL;
}

static inline void harness_close(void) {
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", harness_folder);
  if (getenv("ONNXCC_KEEP")) printf("# kept in %s\n", harness_folder);
  else if (system(command) != 0) puts("# the folder could not be removed");
}

/* Whether a program is on the PATH. */
static inline bool harness_has(const char *program) {
  char command[128];
  snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1", program);
  return system(command) == 0;
}

static inline bool write_text(const char *name, const char *suffix, const Text *text) {
  char path[256];
  snprintf(path, sizeof path, "%s/%s%s", harness_folder, name, suffix);
  FILE *file = fopen(path, "wb");
  if (!file) return false;
  bool whole = text->length == 0 || fwrite(text->data, 1, text->length, file) == text->length;
  return fclose(file) == 0 && whole;
}

static inline EmitOptions harness_options(const char *name, const char *target, WeightForm form) {
  return (EmitOptions){.name = name, .file_name = name, .target = target_find(target), .weights = form, .options_text = "test", .version = "0"};
}

/* Legalises, places, emits and writes NAME.c, NAME.h and NAME.weights.bin. */
static inline bool harness_emit(Program *program, Arena *arena, EmitOptions options, Emission *emission) {
  loop_legalise(program, options.target);
  loop_place(program, 0);
  emit_c(program, &options, arena, emission);
  return write_text(options.name, ".c", &emission->source) && write_text(options.name, ".h", &emission->header) &&
         write_text(options.name, ".weights.bin", &emission->weights);
}

/* Runs a command, with the folder as $D; shows what it said if it fails. */
static inline bool harness_run(const char *format, ...) {
  char    command[2048], line[512];
  size_t  used = (size_t)snprintf(command, sizeof command, "D=%s; (", harness_folder);
  va_list rest;
  va_start(rest, format);
  used += (size_t)vsnprintf(command + used, sizeof command - used, format, rest);
  va_end(rest);
  snprintf(command + used, sizeof command - used, ") 2>&1");
  FILE *said = popen(command, "r");
  if (!said) return false;
  for (int count = 0; fgets(line, sizeof line, said); count++)
    if (count < 12) printf("# %s", line);
  return pclose(said) == 0;
}

/* NAME.c as a shared object; false if the compiler says anything. */
static inline bool harness_compile(const char *compiler, const char *name) {
  const char *warnings = strstr(compiler, "++") ? STRICT_WARNINGS_CPP : STRICT_WARNINGS;
  return harness_run("%s %s -fPIC -shared -I$D $D/%s.c -o $D/%s.so", compiler, warnings, name, name);
}

/* The model's description; *library stays open until dlclose. */
static inline const onnxcc_model_info *harness_load(const char *name, void **library) {
  char path[256], symbol[64];
  const onnxcc_model_info *(*info)(void) = NULL;
  snprintf(path, sizeof path, "%s/%s.so", harness_folder, name);
  snprintf(symbol, sizeof symbol, "%s_info", name);
  *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (*library) *(void **)&info = dlsym(*library, symbol);
  if (!info) printf("# %s\n", dlerror());
  return info ? info() : NULL;
}

/* Names that nothing but libc's memory functions may be undefined in an object. */
#define UNDEFINED_CHECK                                                                                                                              \
  "awk '$1==\"U\" && $2 !~ /^(_?mem(cpy|set|move|cmp)|_GLOBAL_OFFSET_TABLE_|__stack_pointer)$/ {print \"undefined: \" $2; bad=1} END {exit bad}'"
/* Memory as models want theirs, from malloc; NULL if there is none. */
static inline void *harness_memory(size_t bytes) {
  void *memory = NULL;
  return posix_memalign(&memory, 64, bytes + 64) == 0 ? memory : NULL;
}

/* One run of the model that was compiled into the folder; false with a remark if it fails. All its dimensions are constants. */
static inline bool harness_run_model(const char *name, const void **inputs, void **outputs) {
  void                    *library;
  const onnxcc_model_info *info = harness_load(name, &library);
  if (!info) return false;
  onnxcc_config config = {.abi = ONNXCC_ABI, .workspace_bytes = info->workspace_bytes};
  void         *ctx = harness_memory(info->ctx_bytes);
  config.workspace = harness_memory(info->workspace_bytes);
  int32_t status = info->init(ctx, &config);
  if (status == 0) status = info->run(ctx, NULL, inputs, outputs, NULL);
  if (status != 0) printf("# status %d\n", (int)status);
  free(config.workspace);
  free(ctx);
  dlclose(library);
  return status == 0;
}

#endif
