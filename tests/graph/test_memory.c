/* Every allocation fails once: reading, printing, verifying, sorting and rewriting must leave with the limit outcome, and nothing may leak. */
#include "fixture.h"
#include "tests/check.h"

static const char model[] =
    "model opset 27 ir 13 producer \"p\" \"1\" metadata \"a\" \"b\" sym N 1..8\n"
    "graph g(%c: bool[], %x: f32[N, 4]) -> (%y, %y as \"z\") {\n"
    "  %y: f32[N, 4] = If(%c) else_branch=graph e() -> (%a) { } then_branch=graph t() -> (%b) { %b: f32[N, 4] = Add(%x, %a) } captures (%x, %a)\n"
    "  %k: f32[2] = constant [1, 2] %w: f32[100] = blob 400 \"00\" %s: string[1] = constant [\"text\"]\n"
    "  %a: f32[N, 4] declared [?, 4] known [2*N] = Relu(%x) axis=1 list=[1, 2] names=[\"a\"] value=f32[1] constant [2] origin 3 \"node\" \"graph\"\n"
    "}\n";
static void everything(Fixture *fixture) {
  fixture_parse(fixture);
  Module *module = fixture->module;
  require(&fixture->context, graph_sort(module, 1));
  module_verify(module, &operator_names, GRAPH_SHAPED);
  (void)fixture_print(fixture);
  (void)node_place(module, 1, &operator_names);
  (void)module_uses(module, fixture->arena);
  (void)module_fresh_name(module, "x");
  node_set_ints(module, 1, "more", 1, (int64_t[]){1});
  module_replace_uses(module, fixture_value(fixture, "a"), fixture_value(fixture, "x"));
  node_erase(module, 1);
  graph_compact(module);
}

TEST(each_allocation_fails_once) {
  Outcome outcome = OUTCOME_LIMIT;
  int64_t attempts = 0;
  for (; outcome != OUTCOME_OK && attempts < 100000; attempts++) {
    Fixture fixture = {.text = model};
    if (!context_open(&fixture.context, NULL, attempts)) continue;
    outcome = fixture_run(&fixture, everything);
    if (outcome != OUTCOME_OK) CHECK_INT(outcome, OUTCOME_LIMIT);
    fixture_close(&fixture);
  }
  CHECK_INT(outcome, OUTCOME_OK);
  CHECK(attempts > 100);
}

int main(void) {
  RUN(each_allocation_fails_once);
  return check_done();
}
