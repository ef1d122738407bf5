/* Loop IR to C: puts the parts together. See c_emit.h for the order of work.
 *
 * The emitter prints what it is given: it knows no operator, chooses no layout and proves nothing beyond value ranges. What a target cannot do has
 * been replaced before (passes/loop/legalise), where buffers lie has been decided (passes/loop/place). */
#include "c_emit.h"

#include <string.h>

/* The prefix and the file's name are the user's, but a file's name may be anybody's: it stands in an #include and an .incbin. */
static void check_names(Context *context, const EmitOptions *options) {
  size_t length = strlen(options->name);
  bool   ours = strncmp(options->name, "onnxcc", 6) == 0 || strncmp(options->name, "ONNXCC", 6) == 0;
  if (ours || !is_plain_identifier(options->name, length))
    usage_error(context, CODE_OUTPUT_NAME, "give another with --name=NAME: a C identifier that does not begin with onnxcc",
                "\"%s\" can't be the model's C name", options->name);
  for (const char *c = options->file_name; *c; c++)
    if (*c < 0x20 || *c > 0x7e || strchr("\"\\?*/'", *c))
      usage_error(context, CODE_OUTPUT_NAME, "give another with -o", "the output's name has a character that can't stand in an #include");
}

static void choose(Emitter *e, const Program *program, const EmitOptions *options, Arena *arena) {
  *e = (Emitter){.context = program->context, .arena = arena, .program = program, .options = options, .target = options->target};
  require(e->context, program->legal && program->entries.count >= 1);
  for (uint32_t i = 1; i < program->entries.count; i++)
    if (program->entries.data[i].body) bug(e->context, "entry %s: only run is printed", program->entries.data[i].name);
  check_names(e->context, options);
  c_names_choose(e);
  c_weights_open(e);
}

void emit_c(const Program *program, const EmitOptions *options, Arena *arena, Emission *emission) {
  Emitter *e = arena_new(arena, Emitter);
  Text     run, before_run, after_run, info;
  choose(e, program, options, arena);
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
  c_banner(e, source, "c");
  text_format(source, "#include \"%s.h\"\n\n", options->file_name);
  c_prelude(e, source);
  text_bytes(source, e->functions.data, e->functions.length);
  c_weights(e, source);
  for (uint32_t i = 0; i < program->kernels.count; i++)
    if (e->kernels[i].called) text_bytes(source, e->kernels[i].text.data, e->kernels[i].text.length);
  text_format(source, "#define %s_MAGIC 0x%08xu\n", e->macro, c_magic(e));
  text_bytes(source, before_run.data, before_run.length);
  text_bytes(source, run.data, run.length);
  text_bytes(source, after_run.data, after_run.length);
  text_bytes(source, info.data, info.length);
  c_header(e, &emission->header);
  emission->weights = options->weights == WEIGHTS_INLINE ? (Text){.arena = arena} : e->blob;
}
