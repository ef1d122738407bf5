/* emit_probe FILE.lir NAME TARGET FORM FOLDER: reads a loop program, legalises, places and emits it: FOLDER/NAME.c, .h and .weights.bin.
 * FORM is inline, incbin or file. For the scripts and tests of this folder. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/emit/emit.h"
#include "passes/loop/legalise.h"
#include "passes/loop/place.h"

typedef struct Probe {
  Context context;
  char  **words;
} Probe;

static char *read_text(const char *path, size_t *length) {
  FILE *file = fopen(path, "rb");
  if (!file) return NULL;
  char *text = malloc(1 << 20);
  *length = fread(text, 1, 1 << 20, file);
  fclose(file);
  return text;
}

static void write_text(const char *folder, const char *name, const char *suffix, const Text *text) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s%s", folder, name, suffix);
  FILE *file = fopen(path, "wb");
  if (!file || fwrite(text->data, 1, text->length, file) != text->length || fclose(file) != 0) exit(5);
}

static void work(void *self) {
  Probe      *probe = self;
  Context    *context = &probe->context;
  Arena      *arena = arena_open(context);
  size_t      length = 0;
  char       *text = read_text(probe->words[1], &length);
  const char *name = probe->words[2], *form = probe->words[4];
  if (!text) exit(5);
  Program    *program = program_parse(context, arena, probe->words[1], text, length);
  EmitOptions options = {.name = name,
                         .file_name = name,
                         .target = target_find(probe->words[3]),
                         .options_text = "probe",
                         .version = "0",
                         .weights = strcmp(form, "inline") == 0   ? WEIGHTS_INLINE
                                    : strcmp(form, "incbin") == 0 ? WEIGHTS_INCBIN
                                                                  : WEIGHTS_FILE};
  Emission    emission;
  if (!options.target) exit(2);
  loop_legalise(program, options.target);
  loop_place(program, 0);
  emit_c(program, &options, arena, &emission);
  write_text(probe->words[5], name, ".c", &emission.source);
  write_text(probe->words[5], name, ".h", &emission.header);
  if (options.weights != WEIGHTS_INLINE) write_text(probe->words[5], name, ".weights.bin", &emission.weights);
  free(text);
  arena_close(arena);
}

int main(int count, char **words) {
  Probe probe = {.words = words};
  if (count != 6) return 2;
  if (!context_open(&probe.context, NULL, -1)) return 3;
  Outcome outcome = context_guard(&probe.context, work, &probe);
  for (uint32_t i = 0; i < probe.context.diagnostic_count; i++) fprintf(stderr, "%s\n", probe.context.diagnostics[i].message);
  context_close(&probe.context);
  return (int)outcome;
}
