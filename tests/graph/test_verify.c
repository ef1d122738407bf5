/* Each invariant of the graph IR, broken once: the verifier must say so. */
#include "fixture.h"
#include "tests/check.h"

static const char sound[] =
    "sym N 1..8 graph g(%c: bool[], %x: f32[N, 4], %z: f32[4]) -> (%y) {\n"
    "%k: f32[4] = constant [1, 2, 3, 4] %s: f32[4] = splat 0\n"
    "%a: f32[N, 4] = Add(%x, %k) alpha=f32[2] constant [1, 2] beta=2\n"
    "%y: f32[N, 4] = If(%c) then_branch=graph t(%p: f32[4]) -> (%r) { %r: f32[N, 4] = Add(%a, %z) } captures (%z, %a)\n"
    "%q: f32[N, 4] = Relu(%y) }";

static GraphStage stage;
static void       verify(Fixture *fixture) { module_verify(fixture->module, &operator_names, stage); }

static Value *value_named(Fixture *fixture, const char *name) { return value_at(fixture->module, fixture_value(fixture, name)); }
static Node  *node_of(Fixture *fixture, const char *result) { return node_at(fixture->module, value_named(fixture, result)->definition); }
static Graph *region(Fixture *fixture) { return graph_at(fixture->module, 2); }

/* One way to break it a function, with the words of the message. */
#define BREAK(name, words, statement) \
  static void break_##name(Fixture *fixture) { statement; } \
  static const char words_##name[] = words;
#define BREAKS(BREAK) \
  BREAK(two_definitions, "two definitions", node_of(fixture, "q")->outputs[0] = fixture_value(fixture, "a")) \
  BREAK(no_definition, "before its definition", node_of(fixture, "q")->inputs[0] = module_value(fixture->module, 1, "", ELEMENT_F32)) \
  BREAK(before_definition, "before its definition", node_of(fixture, "a")->inputs[0] = fixture_value(fixture, "q")) \
  BREAK(own_result, "before its definition", node_of(fixture, "a")->inputs[0] = fixture_value(fixture, "a")) \
  BREAK(out_of_scope, "outside the graph", node_of(fixture, "q")->inputs[0] = fixture_value(fixture, "r")) \
  BREAK(operand_range, "out of range", node_of(fixture, "q")->inputs[0] = 1000) \
  BREAK(wrong_graph, "another graph than it says", value_named(fixture, "a")->graph = 2) \
  BREAK(wrong_definition, "another definition than its node", value_named(fixture, "a")->definition = 3) \
  BREAK(wrong_result, "another definition than its node", value_named(fixture, "a")->result = 1) \
  BREAK(constant_result, "defining node", value_named(fixture, "q")->content = CONTENT_SPLAT) \
  BREAK(no_name, "without a name", value_named(fixture, "x")->name = NULL) \
  BREAK(data_size, "another size", value_named(fixture, "k")->data.size = 15) \
  BREAK(no_data, "without data", value_named(fixture, "k")->data.data = NULL) \
  BREAK(symbolic_constant, "constant shape", value_named(fixture, "k")->dims[0] = value_named(fixture, "x")->dims[0]) \
  BREAK(splat_bits, "does not fit", value_named(fixture, "s")->splat = 1ull << 32) \
  BREAK(no_element, "no element type", value_named(fixture, "q")->element = ELEMENT_NONE) \
  BREAK(no_rank, "no rank", value_named(fixture, "q")->ranked = false) \
  BREAK(unknown_dim, "unknown dimension", value_named(fixture, "q")->dims[1] = DIM_UNKNOWN) \
  BREAK(rank_limit, "rank above", value_named(fixture, "q")->rank = MAX_RANK + 1) \
  BREAK(defined_input, "something defines", value_named(fixture, "x")->definition = 1) \
  BREAK(input_twice, "two definitions", graph_at(fixture->module, 1)->inputs.data[0] = fixture_value(fixture, "x")) \
  BREAK(dead_node, "erased node", node_of(fixture, "q")->dead = true) \
  BREAK(node_twice, "two places", vector_push(fixture->arena, &graph_at(fixture->module, 1)->order, value_named(fixture, "q")->definition)) \
  BREAK(wrong_node_graph, "another graph than it says", node_of(fixture, "q")->graph = 2) \
  BREAK(attribute_order, "out of order", node_of(fixture, "a")->attributes[1].name = "aaa") \
  BREAK(attribute_kind, "of no kind", node_of(fixture, "a")->attributes[1].kind = 0) \
  BREAK(tensor_in_graph, "stands in a graph", node_of(fixture, "a")->attributes[0].tensor = fixture_value(fixture, "k")) \
  BREAK(wrong_owner, "another owner", region(fixture)->owner = 1) \
  BREAK(wrong_parent, "another parent", region(fixture)->parent = 2) \
  BREAK(no_capture, "not what the regions use", node_of(fixture, "y")->capture_count--) \
  BREAK(idle_capture, "not what the regions use", node_of(fixture, "y")->captures[0] = fixture_value(fixture, "x")) \
  BREAK(capture_order, "captures out of order", node_of(fixture, "y")->captures[1] = node_of(fixture, "y")->captures[0]) \
  BREAK(no_output, "omitted graph output", region(fixture)->outputs.data[0] = 0) \
  BREAK(group_too_early, "before grouping", node_of(fixture, "q")->op = operator_find("x", "Group"))
BREAKS(BREAK)

static const struct { const char *name, *words; void (*damage)(Fixture *fixture); } breaks[] = {
#define ROW(name, words, statement) {#name, words_##name, break_##name},
    BREAKS(ROW)
#undef ROW
};

TEST(sound_module) {
  Fixture fixture;
  CHECK_INT(fixture_open(&fixture, sound), OUTCOME_OK);
  for (stage = GRAPH_READ; stage <= GRAPH_GROUPED; stage++) {
    CHECK_INT(fixture_run(&fixture, verify), OUTCOME_OK);
    CHECK_TEXT(fixture_message(&fixture), "");
  }
  fixture_close(&fixture);
}

TEST(groups_after_grouping) {
  Fixture fixture;
  CHECK_INT(fixture_open(&fixture, sound), OUTCOME_OK);
  node_of(&fixture, "q")->op = operator_find("x", "Group");
  stage = GRAPH_GROUPED;
  CHECK_INT(fixture_run(&fixture, verify), OUTCOME_OK);
  fixture_close(&fixture);
}

TEST(shapes_may_be_missing_after_reading) {
  Fixture fixture;
  CHECK_INT(fixture_open(&fixture, "graph g(%x: f32) -> (%y) { %y: ? = Relu(%x) }"), OUTCOME_OK);
  stage = GRAPH_READ;
  CHECK_INT(fixture_run(&fixture, verify), OUTCOME_OK);
  stage = GRAPH_SHAPED;
  CHECK_INT(fixture_run(&fixture, verify), OUTCOME_BUG);
  fixture_close(&fixture);
}

TEST(broken_modules) {
  stage = GRAPH_SHAPED;
  for (size_t i = 0; i < sizeof breaks / sizeof *breaks; i++) {
    Fixture fixture;
    CHECK_INT(fixture_open(&fixture, sound), OUTCOME_OK);
    breaks[i].damage(&fixture);
    Outcome outcome = fixture_run(&fixture, verify);
    if (outcome != OUTCOME_BUG || !strstr(fixture_message(&fixture), breaks[i].words))
      check_settle("not ok", "%s: outcome %d, %s", breaks[i].name, (int)outcome, fixture_message(&fixture));
    fixture_close(&fixture);
  }
}

int main(void) {
  RUN(sound_module);
  RUN(groups_after_grouping);
  RUN(shapes_may_be_missing_after_reading);
  RUN(broken_modules);
  return check_done();
}
