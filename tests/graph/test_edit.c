/* Building and rewriting: names, attributes, contents, uses, replacement, erasure, order, captures. */
#include "fixture.h"
#include "tests/check.h"

#define OPEN(text) \
  Fixture fixture; \
  CHECK_INT(fixture_open(&fixture, text), OUTCOME_OK); \
  Module *module = fixture.module; \
  (void)module

#define CLOSE fixture_close(&fixture)

/* The text behind its first line. */
static const char *body(Fixture *fixture) { return strchr(fixture_print(fixture), '\n') + 1; }

TEST(fresh_names) {
  OPEN("graph g(%x: f32, %x.1: f32) -> (%x) { }");
  CHECK_TEXT(module_fresh_name(module, "y"), "y");
  CHECK_TEXT(module_fresh_name(module, "y"), "y.1");
  CHECK_TEXT(module_fresh_name(module, "y"), "y.2");
  CHECK_TEXT(module_fresh_name(module, "x"), "x.2");
  CHECK_TEXT(module_fresh_name(module, ""), ".1");
  module_value(module, 1, "z", ELEMENT_F32);
  CHECK_TEXT(module_fresh_name(module, "z"), "z.1");
  char name[16];
  for (int i = 0; i < 1000; i++) {
    snprintf(name, sizeof name, "n%d", i);
    CHECK_TEXT(module_fresh_name(module, name), name);
  }
  CHECK_TEXT(module_fresh_name(module, "n999"), "n999.1");
  CLOSE;
}

TEST(attributes) {
  OPEN("graph g() -> () { () = Relu() }");
  node_set_int(module, 1, "m", 1);
  node_set_ints(module, 1, "z", 2, (int64_t[]){3, 4});
  node_set_float(module, 1, "a", 0.5);
  node_set_string(module, 1, "q", "text");
  for (char name = 'b'; name <= 'k'; name++) node_set_int(module, 1, arena_format(fixture.arena, "%c", name), name);
  node_set_int(module, 1, "m", 2);
  for (char name = 'c'; name <= 'k'; name++) node_remove_attribute(module, 1, (char[]){name, 0});
  node_remove_attribute(module, 1, "none");
  CHECK_TEXT(body(&fixture), "graph g() -> () {\n  () = Relu() a=0x1p-1 b=98 m=2 q=\"text\" z=[3, 4]\n}\n");
  CHECK(!node_attribute(node_at(module, 1), "none"));
  CHECK_INT(node_attribute(node_at(module, 1), "z")->count, 2);
  CLOSE;
}

TEST(contents) {
  OPEN("sym N 1..8 graph g(%x: f32[N, 4], %y: f32, %e: f32[4611686018427387904, 4, 0]) -> () {\n"
       "%i: i4[3] = constant [-8, 7, -1] %f: f16[2] = constant [1.5, -2] %s: i64[2, 3] = splat -5 %u: u64[1] = constant [0xffffffffffffffff]\n"
       "%d: f64[1] = constant [0.25] %w: i32[2] = constant [7, -7] }");
  int64_t count;
  CHECK(!value_static_elements(module, fixture_value(&fixture, "x"), &count));
  CHECK(!value_static_elements(module, fixture_value(&fixture, "y"), &count));
  CHECK(value_static_elements(module, fixture_value(&fixture, "e"), &count));
  CHECK_INT(count, 0);
  CHECK(value_static_elements(module, fixture_value(&fixture, "s"), &count));
  CHECK_INT(count, 6);
  CHECK_INT(dim_hi(&module->dims, value_elements(module, fixture_value(&fixture, "x"))), 32);
  CHECK_INT(value_elements(module, fixture_value(&fixture, "y")), DIM_UNKNOWN);
  CHECK_INT(value_constant_i64(module, fixture_value(&fixture, "i"), 0), -8);
  CHECK_INT(value_constant_i64(module, fixture_value(&fixture, "i"), 2), -1);
  CHECK_INT(value_constant_bits(module, fixture_value(&fixture, "i"), 2), 15);
  CHECK(value_constant_f64(module, fixture_value(&fixture, "f"), 0) == 1.5);
  CHECK(value_constant_f64(module, fixture_value(&fixture, "f"), 1) == -2);
  CHECK(value_constant_f64(module, fixture_value(&fixture, "d"), 0) == 0.25);
  CHECK_INT(value_constant_i64(module, fixture_value(&fixture, "s"), 5), -5);
  CHECK(value_know(module, fixture_value(&fixture, "w")));
  CHECK_INT(dim_value(&module->dims, value_at(module, fixture_value(&fixture, "w"))->known[1]), -7);
  CHECK(value_know(module, fixture_value(&fixture, "s")));
  CHECK_INT(value_at(module, fixture_value(&fixture, "s"))->known_count, 6);
  CHECK(!value_know(module, fixture_value(&fixture, "u")));
  CHECK(!value_know(module, fixture_value(&fixture, "d")));
  CHECK(!value_know(module, fixture_value(&fixture, "x")));
  CLOSE;
}

TEST(constant_ints) {
  OPEN("graph g() -> () { }");
  module_constant_ints(module, 1, "axes", 2, (int64_t[]){-1, 258});
  module_splat(module, 1, "zero", ELEMENT_F32, 2, (int64_t[]){3, 4}, 0);
  CHECK_TEXT(body(&fixture), "graph g() -> () {\n  %axes: i64[2] = constant [-1, 258]\n  %zero: f32[3, 4] = splat 0x0p+0\n}\n");
  CLOSE;
}

static void past_the_end(Fixture *fixture) { value_constant_bits(fixture->module, 1, 2); }

TEST(past_the_end_of_a_constant) {
  OPEN("graph g() -> () { %c: f32[2] = constant [1, 2] }");
  CHECK_INT(fixture_run(&fixture, past_the_end), OUTCOME_BUG);
  CLOSE;
}

TEST(uses) {
  OPEN("graph g(%c: bool[], %x: f32[4], %unused: f32) -> (%y) { %a: f32[4] = Add(%x, %x) %y: f32[4] = If(%c) then_branch=graph t() -> (%x) {\n"
       "%t: f32[4] = Add(%a, %x) } captures (%x, %a) }");
  Uses uses = module_uses(module, fixture.arena);
  CHECK_INT(uses.count[fixture_value(&fixture, "x")], 4);
  CHECK_INT(uses.only[fixture_value(&fixture, "x")], 0);
  CHECK(uses.is_output[fixture_value(&fixture, "x")]);
  CHECK_INT(uses.count[fixture_value(&fixture, "a")], 1);
  CHECK_INT(uses.only[fixture_value(&fixture, "a")], value_at(module, fixture_value(&fixture, "t"))->definition);
  CHECK_INT(uses.count[fixture_value(&fixture, "unused")], 0);
  CHECK_INT(uses.count[fixture_value(&fixture, "t")], 0);
  CHECK(uses.is_output[fixture_value(&fixture, "y")]);
  node_erase(module, value_at(module, fixture_value(&fixture, "y"))->definition);
  uses = module_uses(module, fixture.arena);
  CHECK_INT(uses.count[fixture_value(&fixture, "x")], 2);
  CHECK_INT(uses.only[fixture_value(&fixture, "x")], value_at(module, fixture_value(&fixture, "a"))->definition);
  CHECK_INT(uses.count[fixture_value(&fixture, "a")], 0);
  CLOSE;
}

/* An output of the main graph keeps its name, captures follow. */
TEST(replace_uses) {
  OPEN("graph g(%c: bool[], %x: f32[4]) -> (%y, %z) { %y: f32[4] = Relu(%x) %z: f32[4] = If(%c) then_branch=graph t() -> (%y) {\n"
       "%t: f32[4] = Add(%y, %y) } captures (%y) }");
  module_replace_uses(module, fixture_value(&fixture, "y"), fixture_value(&fixture, "x"));
  node_erase(module, value_at(module, fixture_value(&fixture, "y"))->definition);
  graph_compact(module);
  module_verify(module, &operator_names, GRAPH_SHAPED);
  CHECK_TEXT(body(&fixture), "graph g(%c: bool[], %x: f32[4]) -> (%x as \"y\", %z) {\n"
                             "  %z: f32[4] = If(%c) then_branch=graph t() -> (%x) {\n"
                             "    %t: f32[4] = Add(%x, %x)\n"
                             "  } captures (%x)\n"
                             "}\n");
  CHECK_TEXT(graph_output_name(module, 1, 0), "y");
  CHECK_TEXT(graph_output_name(module, 1, 1), "z");
  CLOSE;
}

TEST(replace_many) {
  OPEN("graph g(%x: f32, %c: bool[]) -> (%d) { %a: f32 = Relu(%x) %b: f32 = Relu(%a) %d: f32 = Add(%a, %b)\n"
       "%e: f32 = If(%c) then_branch=graph t() -> (%b) { } captures (%b) }");
  ValueId *map = arena_array(fixture.arena, ValueId, module->values.count);
  map[fixture_value(&fixture, "b")] = fixture_value(&fixture, "a");
  map[fixture_value(&fixture, "a")] = fixture_value(&fixture, "x");
  module_replace_many(module, map);
  CHECK(strstr(body(&fixture), "%d: f32 = Add(%x, %x)"));
  CHECK(strstr(body(&fixture), "graph t() -> (%x)"));
  CHECK(strstr(body(&fixture), "captures (%x)"));
  CLOSE;
}

static void replace_in_a_circle(Fixture *fixture) {
  ValueId *map = arena_array(fixture->arena, ValueId, fixture->module->values.count);
  map[1] = 2;
  map[2] = 1;
  module_replace_many(fixture->module, map);
}

TEST(replacing_in_a_circle_is_a_bug) {
  OPEN("graph g(%x: f32, %y: f32) -> (%x) { }");
  CHECK_INT(fixture_run(&fixture, replace_in_a_circle), OUTCOME_BUG);
  CLOSE;
}

TEST(erase) {
  OPEN("graph g(%x: f32) -> (%x) { %k: f32[1] = constant [1] %a: f32 = Loop() body=graph b() -> () { %i: f32 = If() then_branch=graph t() -> () {\n"
       "%j: f32 = Relu(%x) } captures (%x) } captures (%x) %r: f32 = Relu(%x) }");
  node_erase(module, value_at(module, fixture_value(&fixture, "a"))->definition);
  CHECK(node_at(module, value_at(module, fixture_value(&fixture, "j"))->definition)->dead);
  CHECK_INT(graph_at(module, 1)->order.count, 2);
  graph_compact(module);
  CHECK_INT(graph_at(module, 1)->order.count, 1);
  value_erase(module, fixture_value(&fixture, "k"));
  module_verify(module, &operator_names, GRAPH_READ);
  CHECK_TEXT(body(&fixture), "graph g(%x: f32) -> (%x) {\n  %r: f32 = Relu(%x)\n}\n");
  CLOSE;
}

/* What is in order stays; a late operand comes right before its first user; a region's captures count. */
TEST(sort) {
  OPEN("graph g(%x: f32, %c: bool[]) -> (%a) {\n"
       "%a: f32 = Add(%late, %x) %b: f32 = Relu(%x) %i: f32 = If(%c) then_branch=graph t() -> (%last) { } captures (%last)\n"
       "%late: f32 = Relu(%later) %later: f32 = Relu(%b) %last: f32 = Relu(%x) }");
  CHECK(graph_sort(module, 1));
  module_verify(module, &operator_names, GRAPH_READ);
  const char *sorted = body(&fixture);
  CHECK_TEXT(sorted, "graph g(%x: f32, %c: bool[]) -> (%a) {\n"
                     "  %b: f32 = Relu(%x)\n"
                     "  %later: f32 = Relu(%b)\n"
                     "  %late: f32 = Relu(%later)\n"
                     "  %a: f32 = Add(%late, %x)\n"
                     "  %last: f32 = Relu(%x)\n"
                     "  %i: f32 = If(%c) then_branch=graph t() -> (%last) {\n"
                     "  } captures (%last)\n"
                     "}\n");
  CHECK(graph_sort(module, 1));
  CHECK_TEXT(body(&fixture), sorted);
  CLOSE;
}

TEST(cycle) {
  OPEN("graph g(%x: f32) -> (%a) {\n"
       "%w: f32 = Relu(%b) origin 3 \"outside\" \"graph\" %a: f32 = Add(%x, %c) origin 0 \"first\" \"graph\"\n"
       "%b: f32 = Relu(%a) origin 1 \"se\\x22cond\" \"graph\" %c: f32 = Relu(%b) origin 2 \"\" \"graph\" }");
  CHECK(!graph_sort(module, 1));
  CHECK_TEXT(fixture_message(&fixture), "cycle of 3 nodes: node[2] -> \"first\" -> \"se\\x22cond\" -> node[2]");
  CHECK_INT(fixture.context.diagnostics[0].code, CODE_GRAPH_CYCLE);
  CHECK_TEXT(fixture.context.diagnostics[0].path, "graph.node[1] \"se\\x22cond\" (Relu)");
  CLOSE;
}

TEST(cycle_through_a_region) {
  OPEN("graph g(%c: bool[]) -> (%a) { %a: f32 = If(%c) then_branch=graph t() -> (%a) { } captures (%a) origin 0 \"if\" \"graph\" }");
  CHECK(!graph_sort(module, 1));
  CHECK_TEXT(fixture_message(&fixture), "cycle of 1 node: \"if\" -> \"if\"");
  CLOSE;
}

/* Deep chains must not use the C stack; long cycles are cut. */
TEST(long_chain) {
  enum { LENGTH = 200000 };
  OPEN("graph g(%x: f32) -> () { }");
  ValueId first = module_value(module, 1, "", ELEMENT_F32), result = first;
  for (int i = 0; i < LENGTH; i++) {
    ValueId operand = module_value(module, 1, "", ELEMENT_F32);
    graph_append(module, 1, module_node(module, 1, 1, 1, &operand, 1, &result));
    result = operand;
  }
  graph_at(module, 1)->inputs.data[0] = result;
  CHECK(graph_sort(module, 1));
  CHECK_INT(graph_at(module, 1)->order.data[0], LENGTH);
  module_verify(module, &operator_names, GRAPH_READ);
  node_at(module, LENGTH)->inputs[0] = first;
  CHECK(!graph_sort(module, 1));
  CHECK(strstr(fixture_message(&fixture), "(199984 more)"));
  CLOSE;
}

TEST(recapture) {
  OPEN("graph g(%c: bool[], %x: f32, %y: f32) -> () { %k: f32[1] = constant [1] () = If(%c, %y) then_branch=graph t() -> (%k) {\n"
       "() = Loop() body=graph b(%i: i64) -> (%c) { () = Add(%x, %x) () = Add(%y, %i) } } }");
  module_recapture(module);
  module_verify(module, &operator_names, GRAPH_READ);
  CHECK_TEXT(body(&fixture), "graph g(%c: bool[], %x: f32, %y: f32) -> () {\n"
                             "  %k: f32[1] = constant [0x1p+0]\n"
                             "  () = If(%c, %y) then_branch=graph t() -> (%k) {\n"
                             "    () = Loop() body=graph b(%i: i64) -> (%c) {\n"
                             "      () = Add(%x, %x)\n"
                             "      () = Add(%y, %i)\n"
                             "    } captures (%c, %x, %y)\n"
                             "  } captures (%x, %k)\n"
                             "}\n");
  CLOSE;
}

int main(void) {
  RUN(fresh_names);
  RUN(attributes);
  RUN(contents);
  RUN(constant_ints);
  RUN(past_the_end_of_a_constant);
  RUN(uses);
  RUN(replace_uses);
  RUN(replace_many);
  RUN(replacing_in_a_circle_is_a_bug);
  RUN(erase);
  RUN(sort);
  RUN(cycle);
  RUN(cycle_through_a_region);
  RUN(long_chain);
  RUN(recapture);
  return check_done();
}
