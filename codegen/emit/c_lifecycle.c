/* Around run: the context, workspace_bytes, init, reset and the one-liner on a static workspace. */
#include "c_emit.h"

#include <string.h>

/* ---- context ---- */

static void context(const Emitter *e, Text *out) {
  text_format(out, "struct %s_context {\n  uint32_t magic;%s\n  unsigned char *workspace, *state;\n  size_t workspace_bytes;\n", e->name,
              e->program->variants.count ? "\n  uint32_t variant; /* 1: the first */" : "");
  if (e->program->fast_bytes > 0) text_string(out, "  unsigned char *fast;\n");
  text_string(out, "  const unsigned char *weights;\n  const onnxcc_hooks *hooks;\n};\n\n");
}

/* ---- workspace_bytes ---- */

static void check_dim(const Emitter *e, uint32_t symbol, Text *out) {
  const Symbol *s = &e->program->dims->symbols.data[symbol];
  const char   *name = e->symbol_names[symbol];
  int64_t       largest = e->target->index_bits == 32 && s->hi > INT32_MAX ? INT32_MAX : s->hi;
  text_format(out, "  const int64_t %s = dims->%s;\n", name, name);
  text_format(out, "  if (%s < INT64_C(%lld)", name, (long long)(s->lo < 0 ? 0 : s->lo));
  if (largest != DIM_OPEN) text_format(out, " || %s > INT64_C(%lld)", name, (long long)largest);
  text_string(out, ") return 0;\n");
}

/* Never 0 for dimensions in range, so that 0 can say that they are not. */
/* total = the largest of the members of a maximum, a line a member. */
static void workspace_total(Emitter *e, Dim dim) {
  bool is_first = true, has_more = true;
  for (; has_more; is_first = false) {
    const DimNode *node = &e->program->dims->nodes.data[dim];
    has_more = node->op == DIM_OP_MAX;
    text_string(&e->now.line, !is_first ? "total = " : has_more ? "int64_t total = " : "const int64_t total = ");
    if (!is_first) {
      c_helper(e, HELPER_MAX, SCALAR_I64, SCALAR_I64);
      text_string(&e->now.line, "(total, ");
    }
    c_dim(e, has_more ? node->b : dim, DIM_FORM_SIZE, LEVEL_ANY);
    text_string(&e->now.line, is_first ? ";" : ");");
    c_line_end(e);
    dim = node->a;
  }
}

static void workspace_bytes(Emitter *e, Text *out) {
  text_format(out, "size_t %s_workspace_bytes(%s%s%s) {\n", e->name, e->role_count[SYMBOL_GIVEN] ? "const " : "",
              e->role_count[SYMBOL_GIVEN] ? e->name : "void", e->role_count[SYMBOL_GIVEN] ? "_dims *dims" : "");
  if (e->role_count[SYMBOL_GIVEN] == 0) {
    text_format(out, "  return %s_WORKSPACE_BYTES;\n}\n\n", e->macro);
    return;
  }
  for (uint32_t i = 0; i < e->program->dims->symbols.count; i++)
    if (e->symbol_roles[i] == SYMBOL_GIVEN) check_dim(e, i, out);
  bool *used = arena_array(e->arena, bool, e->program->dims->symbols.count + 1);
  dim_symbols(e->program->dims, e->program->workspace_bytes, used);
  for (uint32_t i = 0; i < e->program->dims->symbols.count; i++)
    require(e->context, !used[i] || e->symbol_roles[i] == SYMBOL_GIVEN); /* run-time sizes count with their bounds */
  e->now.out = out;
  e->now.depth = 1;
  text_open(&e->now.line, e->arena);
  workspace_total(e, e->program->workspace_bytes ? e->program->workspace_bytes : dim_constant(e->program->dims, 0));
  text_string(out, "  if (total > INT64_MAX / 2 || (uint64_t)total > SIZE_MAX / 2) return SIZE_MAX;\n  return total > 0 ? (size_t)total : 1;\n}\n\n");
}

/* ---- init ---- */

/* condition on one region of memory that the caller gives: present, large enough, aligned */
static void check_region(const Emitter *e, const char *region, const char *bytes, int32_t status, Text *out) {
  text_format(out, "  if (!config->%s || config->%s_bytes < %s || (uintptr_t)config->%s %% %s_ALIGN != 0) return %s;\n", region, region, bytes,
              region, e->macro, status == -2 ? "ONNXCC_ERROR_WORKSPACE" : "ONNXCC_ERROR_WEIGHTS");
}

static bool multiplies_floats(const Code *code) {
  for (Expr expr = 1; expr < code->exprs.count; expr++)
    if (expr_at(code, expr)->op == LOOP_MUL && scalar_is_float((Scalar)expr_at(code, expr)->scalar)) return true;
  return false;
}

/* A product that is not rounded before it goes into a sum gives itself away: clang makes some under -ffp-contract=fast, whatever pragmas say, and no
 * macro tells. */
static bool contraction_check(const Emitter *e, Text *out) {
  const Program *program = e->program;
  bool           any = false;
  for (uint32_t i = 0; i < program->kernels.count; i++) any |= multiplies_floats(&program->kernels.data[i]);
  for (uint32_t i = 0; i < program->functions.count; i++) any |= multiplies_floats(&program->functions.data[i]);
  if (!any || !e->target->has_f32) return false;
  text_format(out,
              "#if defined(__clang__)\n/* Whether products and sums were contracted: -ffp-contract=fast does, whatever the pragma above says. */\n"
              "static bool %s_contracts(void) {\n  const volatile float factor = 0x1.000002p0f, addend = -0x1.000004p0f;\n"
              "  const float a = factor, b = addend;\n  return a * a + b > 0.0f;\n}\n#endif\n\n",
              e->name);
  return true;
}

static void init(Emitter *e, Text *out) {
  bool checks_contraction = contraction_check(e, out);
  const char *m = e->macro;
  bool        symbolic = e->role_count[SYMBOL_GIVEN] > 0, has_workspace = symbolic || model_workspace_bound(&e->model) > 0;
  text_format(out, "int32_t %s_init(%s_ctx *ctx, const %s_config *config) {\n", e->name, e->name, e->name);
  text_format(out, "  struct %s_context *const context = (struct %s_context *)(void *)ctx;\n", e->name, e->name);
  text_format(out, "  (void)sizeof(char[sizeof(struct %s_context) <= %s_CTX_BYTES ? 1 : -1]); /* the opaque part is large enough */\n", e->name, m);
  text_string(out, "  if (!ctx || !config || config->abi != ONNXCC_ABI) return ONNXCC_ERROR_ARGUMENT;\n  context->magic = 0;\n");
  if (checks_contraction) text_format(out, "#if defined(__clang__)\n  if (%s_contracts()) return ONNXCC_ERROR_COMPILER;\n#endif\n", e->name);
  if (e->program->variants.count) {
    text_format(out, "  if (config->variant > %uu) return ONNXCC_ERROR_ARGUMENT;\n", e->program->variants.count);
    text_format(out, "  context->variant = %s_variant(config->variant);\n  if (context->variant == 0) return ONNXCC_ERROR_MACHINE;\n", e->name);
  }
  if (has_workspace) check_region(e, "workspace", symbolic ? "1" : arena_format(e->arena, "%s_WORKSPACE_BYTES", m), -2, out);
  if (e->program->fast_bytes > 0) check_region(e, "fast", arena_format(e->arena, "%s_FAST_BYTES", m), -2, out);
  if (model_state_bytes(&e->model) > 0) check_region(e, "state", arena_format(e->arena, "%s_STATE_BYTES", m), -2, out);
  text_string(out, "  context->workspace = (unsigned char *)config->workspace;\n  context->workspace_bytes = config->workspace_bytes;\n");
  if (e->program->fast_bytes > 0) text_string(out, "  context->fast = (unsigned char *)config->fast;\n");
  text_string(out, "  context->state = (unsigned char *)config->state;\n  context->hooks = config->hooks;\n");
  if (e->blob.length == 0) {
    text_string(out, "  context->weights = NULL;\n");
  } else {
    bool built_in = e->options->weights != WEIGHTS_FILE;
    if (built_in) text_format(out, "  context->weights = (const unsigned char *)%s_weights_data;\n  if (config->weights) {\n  ", e->name);
    text_format(out,
                "  if (%sconfig->weights_bytes != %s_WEIGHTS_BYTES || (uintptr_t)config->weights %% %s_ALIGN != 0) return ONNXCC_ERROR_WEIGHTS;\n",
                built_in ? "" : "!config->weights || ", m, m);
    text_format(out,
                "#ifndef %s_ANY_WEIGHTS\n%s  if (%s_weights_hash((const unsigned char *)config->weights) != UINT64_C(0x%016llx)) return "
                "ONNXCC_ERROR_WEIGHTS;\n#endif\n",
                m, built_in ? "  " : "", e->name, (unsigned long long)e->weights_hash);
    text_format(out, "%s  context->weights = (const unsigned char *)config->weights;\n", built_in ? "  " : "");
    if (built_in) text_string(out, "  }\n");
  }
  text_format(out, "  context->magic = %s_MAGIC;\n  return %s_reset(ctx);\n}\n\n", m, e->name);
}

static void reset(Emitter *e, Text *out) {
  text_format(out, "int32_t %s_reset(%s_ctx *ctx) {\n", e->name, e->name);
  text_format(out, "  struct %s_context *const context = (struct %s_context *)(void *)ctx;\n", e->name, e->name);
  text_format(out, "  if (!ctx || context->magic != %s_MAGIC) return ONNXCC_ERROR_ARGUMENT;\n", e->macro);
  if (model_state_bytes(&e->model) > 0) {
    text_format(out, "  %s_CLEAR(context->state, %s_STATE_BYTES);\n", e->macro, e->macro);
    e->needs_clear = true;
  }
  text_string(out, "  return ONNXCC_OK;\n}\n\n");
}

/* ---- the one-liner ---- */

static void one_liner(const Emitter *e, Text *out) {
  const ProgramInfo *info = &e->program->info;
  const char        *n = e->name, *m = e->macro;
  if (!header_has_one_liner(&e->model)) return;
  text_format(out, "#ifdef %s_STATIC_WORKSPACE\n#ifndef %s_WORKSPACE_ATTR\n#define %s_WORKSPACE_ATTR\n#endif\n", m, m, m);
  if (model_workspace_bound(&e->model) > 0)
    text_format(out, "static %s_WORKSPACE_ATTR ONNXCC_ALIGNED(%s_ALIGN) unsigned char %s_static_workspace[%s_WORKSPACE_BYTES];\n", m, m, n, m);
  if (e->program->fast_bytes > 0) {
    text_format(out, "#ifndef %s_FAST_ATTR\n#define %s_FAST_ATTR\n#endif\n", m, m);
    text_format(out, "static %s_FAST_ATTR ONNXCC_ALIGNED(%s_ALIGN) unsigned char %s_static_fast[%s_FAST_BYTES];\n", m, m, n, m);
  }
  if (model_state_bytes(&e->model) > 0)
    text_format(out, "static %s_WORKSPACE_ATTR ONNXCC_ALIGNED(%s_ALIGN) unsigned char %s_static_state[%s_STATE_BYTES];\n", m, m, n, m);
  text_format(out, "static %s_ctx %s_static_ctx;\nstatic int32_t %s_static_ready;\n\nint32_t %s(", n, n, n, n);
  header_one_line_parameters(&e->model, out);
  text_format(
      out,
      ") {\n  int32_t status = ONNXCC_OK;\n  %s_io io;\n  if (!%s_static_ready) {\n    %s_config config;\n    %s_CLEAR(&config, sizeof config);\n", n,
      n, n, m);
  text_string(out, "    config.abi = ONNXCC_ABI;\n");
  if (model_workspace_bound(&e->model) > 0)
    text_format(out, "    config.workspace = %s_static_workspace;\n    config.workspace_bytes = %s_WORKSPACE_BYTES;\n", n, m);
  if (e->program->fast_bytes > 0) text_format(out, "    config.fast = %s_static_fast;\n    config.fast_bytes = %s_FAST_BYTES;\n", n, m);
  if (model_state_bytes(&e->model) > 0) text_format(out, "    config.state = %s_static_state;\n    config.state_bytes = %s_STATE_BYTES;\n", n, m);
  text_format(out, "    status = %s_init(&%s_static_ctx, &config);\n    if (status != ONNXCC_OK) return status;\n    %s_static_ready = 1;\n  }\n", n,
              n, n);
  for (uint32_t i = 0; i < e->program->dims->symbols.count; i++)
    if (e->symbol_roles[i] == SYMBOL_GIVEN) text_format(out, "  io.dims.%s = %s;\n", e->symbol_names[i], e->symbol_names[i]);
    else if (e->symbol_roles[i] == SYMBOL_RETURNED) text_format(out, "  io.%s = 0;\n", e->symbol_names[i]);
  for (uint32_t i = 0; i < info->inputs.count; i++) text_format(out, "  io.%s = %s;\n", e->inputs[i].field, e->inputs[i].field);
  for (uint32_t i = 0; i < info->outputs.count; i++) text_format(out, "  io.%s = %s;\n", e->outputs[i].field, e->outputs[i].field);
  text_format(out, "  status = %s_run(&%s_static_ctx, &io);\n", n, n);
  for (uint32_t i = 0; i < e->program->dims->symbols.count; i++)
    if (e->symbol_roles[i] == SYMBOL_RETURNED)
      text_format(out, "  if (%s) *%s = io.%s;\n", e->symbol_names[i], e->symbol_names[i], e->symbol_names[i]);
  text_string(out, "  return status;\n}\n#endif\n\n");
}

void c_lifecycle(Emitter *e, Text *before_run, Text *after_run) {
  context(e, before_run);
  workspace_bytes(e, before_run);
  reset(e, after_run);
  init(e, after_run);
  e->needs_clear |= header_has_one_liner(&e->model);
  one_liner(e, after_run);
}
