/* Dispatch groups: code for several processors in one file, of which init picks one.
 *
 * Each variant's functions and kernels stand in a region of their own, compiled for its processor whatever the file is compiled for. What they call
 * is in the same region, so that no vector wider than the file's own crosses a call that is not inlined there. Without variants there are no
 * regions. */
#include "c_emit.h"

#include <string.h>

static bool is_group(const Emitter *e) { return e->program->variants.count > 0; }

/* ---- a variant's code ---- */

static void open_variant(Emitter *e, uint32_t variant) {
  e->variant = variant;
  e->target = is_group(e) ? e->options->members[variant] : e->options->target;
  e->prefix = variant ? arena_format(e->arena, "%s_%s", e->name, e->program->variants.data[variant]) : e->name;
  memset(e->needed, 0, sizeof e->needed);
  e->vectors = (VectorNeeds){0};
}

static void close_variant(Emitter *e) {
  bool *all = &e->needed_by_any[0][0][0];
  for (size_t i = 0; i < sizeof e->needed / sizeof(bool); i++) all[i] |= (&e->needed[0][0][0])[i];
  e->uses_vectors |= c_widest_vector(e) > 0;
  e->uses_wide_vectors |= e->target->vector_bytes == 64 && c_widest_vector(e) >= 64;
}

static void open_region(const Emitter *e, Text *out) {
  const char *attribute = e->target->c_attribute;
  if (!is_group(e)) return;
  text_format(out, "/* ---- %s ---- */\n\n#if defined(__clang__)\n", e->target->name);
  text_format(out, "#pragma clang attribute push(__attribute__((target(\"%s\"))), apply_to = function)\n", attribute);
  text_format(out, "#else\n#pragma GCC push_options\n#pragma GCC target(\"%s\")\n#endif\n\n", attribute);
}

static void close_region(const Emitter *e, Text *out) {
  if (is_group(e)) text_string(out, "#if defined(__clang__)\n#pragma clang attribute pop\n#else\n#pragma GCC pop_options\n#endif\n\n");
}

/* clang refuses a region without a function, so there is none. */
static void region(Emitter *e, Text *out) {
  Text code;
  text_open(&code, e->arena);
  c_helpers(e, &code);
  text_bytes(&code, e->functions.data, e->functions.length);
  for (uint32_t i = 0; i < e->program->kernels.count; i++) {
    bool is_own = e->calls[i].called && e->program->kernels.data[i].variant == e->variant;
    if (is_own) text_bytes(&code, e->kernels[i].text.data, e->kernels[i].text.length);
  }
  bool is_empty = code.length == 0;
  if (!is_empty) open_region(e, out);
  text_bytes(out, code.data, code.length);
  if (!is_empty) close_region(e, out);
}

void c_variants(Emitter *e, CodeTexts *texts) {
  uint32_t count = is_group(e) ? e->program->variants.count : 1;
  unsigned stack = 0;
  c_kernels_open(e);
  for (uint32_t variant = 0; variant < count; variant++) {
    open_variant(e, variant);
    c_kernels(e);
    c_entry_run(e, &texts->run);
    if (e->stack_bytes > stack) stack = e->stack_bytes;
    if (variant == 0) {
      c_lifecycle(e, &texts->before_run, &texts->after_run);
      c_info(e, &texts->info);
    }
    region(e, &texts->kernels);
    close_variant(e);
  }
  e->stack_bytes = stack;
  e->plain_stack_bytes = e->inlined_stack ? model_stack_bytes(stack + e->inlined_stack) : 0;
}

/* ---- which one ---- */

/* The last that the processor can run, or the one asked for; 0: neither. */
void c_variant_choice(const Emitter *e, Text *out) {
  uint32_t count = e->program->variants.count;
  if (!is_group(e)) return;
  text_bytes(out, (const char *)onnxcc_cpu_text, onnxcc_cpu_size);
  text_format(out, "\nstatic uint32_t %s_variant(uint32_t wanted) {\n  static const uint32_t needs[][ONNXCC_CPU_WORDS] = {\n", e->name);
  for (uint32_t i = 0; i < count; i++) {
    const Target *member = e->options->members[i];
    for (uint32_t word = 0; word < CPU_WORDS; word++) text_format(out, "%s0x%08xu", word ? ", " : "    {", member->cpu_needs[word]);
    text_format(out, "}%s /* %s */\n", i + 1 < count ? "," : "", member->name);
  }
  text_format(out, "  };\n  uint32_t has[ONNXCC_CPU_WORDS], variant = wanted ? wanted : %uu;\n  onnxcc_cpu(has);\n", count);
  text_string(out, "  while (variant > 0 && !onnxcc_cpu_has(has, needs[variant - 1u])) variant = wanted ? 0 : variant - 1u;\n");
  text_string(out, "  return variant;\n}\n\n");
}

void c_variant_run(const Emitter *e, Text *out) {
  const char *n = e->name, *const *labels = e->program->variants.data;
  if (!is_group(e)) return;
  text_format(out, "int32_t %s_run(%s_ctx *ctx, %s_io *io) {\n", n, n, n);
  text_format(out, "  const struct %s_context *const context = (const struct %s_context *)(const void *)ctx;\n", n, n);
  text_format(out, "  if (!ctx || !io || context->magic != %s_MAGIC) return ONNXCC_ERROR_ARGUMENT;\n  switch (context->variant) {\n", e->macro);
  for (uint32_t i = 1; i < e->program->variants.count; i++)
    text_format(out, "    case %u: return %s_run_%s(context, io);\n", i + 1, n, labels[i]);
  text_format(out, "    default: return %s_run_%s(context, io);\n  }\n}\n\n", n, labels[0]);
}
