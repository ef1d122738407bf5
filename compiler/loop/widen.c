/* Functions at several lanes: exp_f32x16 is exp_f32 in every lane.
 *
 * The body is built again with vectors for parameters; the builder broadcasts what is a scalar beside them. That needs a body of lets and a return:
 * a branch or a loop would differ between lanes. */
#include "widen.h"
#include "rebuild.h"

#include <string.h>

bool code_is_straight(const Code *code) {
  for (Stmt stmt = code->body; stmt; stmt = stmt_at(code, stmt)->next)
    if (stmt_at(code, stmt)->kind != STMT_LET && stmt_at(code, stmt)->kind != STMT_RETURN) return false;
  return code->defined;
}

static bool calls_are_straight(const Program *program, const Code *code) {
  for (Expr expr = 1; expr < code->exprs.count; expr++)
    if (code->exprs.data[expr].op == LOOP_CALL && !function_is_straight(program, program->functions.data[code->exprs.data[expr].operand[0]].name))
      return false;
  return true;
}

bool function_is_straight(const Program *program, const char *name) {
  uint32_t    index = program_find_function(program, name);
  const Code *code = index == UINT32_MAX ? NULL : &program->functions.data[index];
  if (code && code->defined) return code_is_straight(code) && calls_are_straight(program, code);
  return !(code && code->symbol) && library_has(name) && library_is_straight(name);
}

Code function_widened(Program *program, const Code *scalar, uint16_t lanes) {
  Rebuild rebuild;
  Code wide_parameters = *scalar;
  wide_parameters.lanes = lanes;
  rebuild_open(&rebuild, program, &wide_parameters);
  Code wide = rebuild_run(&rebuild);
  wide.name = loop_vector_name(program->arena, scalar->name, lanes);
  if (rebuild.builder.refused) bug(program->context, "%s: control flow that differs between lanes", wide.name);
  return wide;
}
