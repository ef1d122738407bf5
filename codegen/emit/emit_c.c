/* Loop IR to C: puts the parts together. See c_emit.h for the order of work.
 *
 * The emitter prints what it is given: it knows no operator, chooses no layout and proves nothing beyond value ranges. What a target cannot do has
 * been replaced before (passes/loop/legalise), where buffers lie has been decided (passes/loop/place). */
#include "c_emit.h"

void emit_c(const Program *program, const EmitOptions *options, Arena *arena, Emission *emission) {
  Emitter  *e = arena_new(arena, Emitter);
  CodeTexts texts;
  model_open(&e->model, program, options, arena);
  e->index_type = e->target->index_bits == 32 ? "int32_t" : "int64_t";
  Text *const parts[] = {&texts.kernels, &texts.before_run, &texts.run, &texts.after_run, &texts.info, &emission->source, &emission->header};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) text_open(parts[i], arena);
  c_variants(e, &texts);

  Text *source = &emission->source;
  header_banner(&e->model, source, "c");
  text_format(source, "#include \"%s.h\"\n\n", options->file_name);
  c_prelude(e, source);
  c_weights(e, source);
  text_bytes(source, texts.kernels.data, texts.kernels.length);
  text_format(source, "#define %s_MAGIC 0x%08xu\n", e->macro, model_magic(&e->model));
  text_bytes(source, texts.before_run.data, texts.before_run.length);
  c_node_macro(e, source);
  text_bytes(source, texts.run.data, texts.run.length);
  c_variant_run(e, source);
  c_variant_choice(e, source);
  text_bytes(source, texts.after_run.data, texts.after_run.length);
  text_bytes(source, texts.info.data, texts.info.length);
  header_print(&e->model, &emission->header);
  emission->weights = options->weights == WEIGHTS_INLINE ? (Text){.arena = arena} : e->blob;
}
