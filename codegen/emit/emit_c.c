/* Loop IR to C: puts the parts together. See c_emit.h for the order of work.
 *
 * The emitter prints what it is given: it knows no operator, chooses no layout and proves nothing beyond value ranges. What a target cannot do has
 * been replaced before (passes/loop/legalise), where buffers lie has been decided (passes/loop/place). */
#include "c_emit.h"

void emit_c(const Program *program, const EmitOptions *options, Arena *arena, Emission *emission) {
  Emitter *e = arena_new(arena, Emitter);
  Text     run, before_run, after_run, info;
  model_open(&e->model, program, options, arena);
  e->index_type = e->target->index_bits == 32 ? "int32_t" : "int64_t";
  text_open(&run, arena);
  text_open(&before_run, arena);
  text_open(&after_run, arena);
  text_open(&info, arena);
  text_open(&emission->source, arena);
  text_open(&emission->header, arena);
  c_kernels(e);
  c_entry_run(e, &run);
  c_lifecycle(e, &before_run, &after_run);
  c_info(e, &info);

  Text *source = &emission->source;
  header_banner(&e->model, source, "c");
  text_format(source, "#include \"%s.h\"\n\n", options->file_name);
  c_prelude(e, source);
  text_bytes(source, e->functions.data, e->functions.length);
  c_weights(e, source);
  for (uint32_t i = 0; i < program->kernels.count; i++)
    if (e->calls[i].called) text_bytes(source, e->kernels[i].text.data, e->kernels[i].text.length);
  text_format(source, "#define %s_MAGIC 0x%08xu\n", e->macro, model_magic(&e->model));
  text_bytes(source, before_run.data, before_run.length);
  text_bytes(source, run.data, run.length);
  text_bytes(source, after_run.data, after_run.length);
  text_bytes(source, info.data, info.length);
  header_print(&e->model, &emission->header);
  emission->weights = options->weights == WEIGHTS_INLINE ? (Text){.arena = arena} : e->blob;
}
