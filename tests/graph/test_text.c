/* Text of the graph IR: what is printed reads back and prints the same; what is malformed is refused with its line. */
#include "fixture.h"
#include "tests/check.h"

/* Reads the text, which is as the printer writes it, prints it, and does so once more from that. */
static const char *round_trip(Fixture *fixture, const char *text) {
  if (fixture_open(fixture, text)) return fixture_message(fixture);
  const char *once = fixture_print(fixture);
  Fixture     again;
  if (fixture_open(&again, once)) return "what was printed does not read back";
  const char *same = strcmp(fixture_print(&again), once) ? "printed differently the second time" : once;
  fixture_close(&again);
  return same;
}

#define ROUND_TRIP(text) \
  do { \
    Fixture fixture; \
    CHECK_TEXT(round_trip(&fixture, text), text); \
    fixture_close(&fixture); \
  } while (0)

TEST(header) {
  ROUND_TRIP("model opset 27 ir 13\n"
             "producer \"pytorch\" \"2.4 \\x22nightly\\x22\"\n"
             "domain \"org.example\"\n"
             "description \"two\\x0alines\"\n"
             "metadata \"author\" \"nobody\"\n"
             "hash \"00000000deadbeef\"\n"
             "sym N 1..8\n"
             "sym T 0..\n"
             "sym \"batch size\" 1..4\n"
             "sym found 0..100 run\n"
             "graph main() -> () {\n"
             "}\n");
}

TEST(values_and_nodes) {
  ROUND_TRIP("model opset 27 ir 13\n"
             "sym N 1..8\n"
             "graph kws(%mel: f32[N, 49, 10], %\"odd name\": i64[], %/conv1/out:0: f16) -> (%scores, %scores as \"second\") {\n"
             "  %r: f32[N, 49, 10] = Relu(%mel) origin 3 \"conv1\" \"graph\"\n"
             "  %a: f32[2*N, ?] declared [?, 4] known [N, 4], _, %b: ? = TopK(%r, _, %/conv1/out:0) axis=-1 run_time_shape\n"
             "  () = com.microsoft::Gelu(%a)\n"
             "  _ = op \"\" \"odd op\"()\n"
             "  %scores: seq(f32[?, N]) = Mystery(%a, %b, %\"odd name\") origin -1 \"\" \"function Foo\"\n"
             "}\n");
}

TEST(attributes) {
  ROUND_TRIP("model opset 27 ir 13\n"
             "graph main() -> () {\n"
             "  %x: ? = Conv() \"_\"=1 \"a b\"=2 axis=-9223372036854775808 beta=-inf empty=ints [] floats=[0x1p+0, nan, -0x0p+0] gamma=0x1.8p-3 "
             "kernel=[3, 3] mode=\"a\\x00\\x22\" nofloats=floats [] none=strings [] origin=5 text=[\"x\", \"\"] "
             "value=f32[2] constant [0x1p+0, -0x1p-1] zero=i8[1000] splat 0\n"
             "}\n");
}

TEST(constants) {
  ROUND_TRIP("model opset 27 ir 13\n"
             "graph main() -> () {\n"
             "  %f: f32[5] = constant [0x1p+0, inf, -inf, nan, 0xffc00001]\n"
             "  %d: f64[3] = constant [0x1.999999999999ap-4, nan, 0x7ff8000000000001]\n"
             "  %h: f16[2] = constant [0x3c00, 0x0]\n"
             "  %i: i64[2] = constant [-9223372036854775808, 9223372036854775807]\n"
             "  %u: u64[1] = constant [18446744073709551615]\n"
             "  %n: i4[3] = constant [-8, 7, -1]\n"
             "  %m: u2[5] = constant [0, 1, 2, 3, 1]\n"
             "  %b: bool[2] = constant [0, 1]\n"
             "  %c: c64[1] = constant [0xffffffffffffffff]\n"
             "  %cc: c128[1] = constant [0x1, 0x2]\n"
             "  %s: string[2] = constant [\"a\\x00b\", \"\"] source \"words.txt@0\"\n"
             "  %scalar: i32[] = constant [7]\n"
             "  %none: f32[0, 9] = constant []\n"
             "  %splat: bf16[64, 3] = splat 0x3f80\n"
             "  %large: f32[100] = blob 400 \"0123456789abcdef\"\n"
             "  %outside: f32[100] = blob 400 \"0123456789abcdef\" source \"weights.bin @4096\"\n"
             "}\n");
}

/* The hash of a blob is that of its bytes until it comes from a text, which has none. */
TEST(blob_hash) {
  Fixture fixture;
  CHECK_INT(fixture_open(&fixture, "graph g() -> () { }"), OUTCOME_OK);
  float weights[65] = {1.0f};
  module_constant(fixture.module, 1, "w", ELEMENT_F32, 1, (int64_t[]){65}, (Bytes){(const uint8_t *)weights, sizeof weights});
  const char *first = fixture_print(&fixture);
  weights[64] = 2.0f;
  const char *second = fixture_print(&fixture);
  CHECK(strstr(first, "  %w: f32[65] = blob 260 \""));
  CHECK(strcmp(first, second));
  Fixture again;
  CHECK_INT(fixture_open(&again, second), OUTCOME_OK);
  CHECK_TEXT(fixture_print(&again), second);
  CHECK_INT(value_at(again.module, fixture_value(&again, "w"))->data.size, 260);
  fixture_close(&again);
  fixture_close(&fixture);
}

TEST(regions) {
  ROUND_TRIP("model opset 27 ir 13\n"
             "graph main(%c: bool[], %x: f32[4], %z: f32[4]) -> (%y) {\n"
             "  %k: f32[1] = constant [0x1p+0]\n"
             "  %y: f32[4] = If(%c) else_branch=graph no() -> (%e) {\n"
             "    %e: f32[4] = Add(%x, %k)\n"
             "  } then_branch=graph yes() -> (%t) {\n"
             "    %t: f32[4] = x.Group(%x) body=graph \"the body\"(%in: f32[4]) -> (%r) {\n"
             "      %r: f32[4] = Add(%in, %z)\n"
             "    } captures (%z)\n"
             "  } captures (%x, %z, %k) origin 0 \"if\" \"graph\"\n"
             "}\n"
             "graph second() -> () {\n"
             "}\n");
}

/* Values without a name, and one that hides another, are told apart by a number. */
TEST(numbers) {
  ROUND_TRIP("model opset 27 ir 13\n"
             "graph main(%x: f32[4], %$0: f32[4]) -> (%$2) {\n"
             "  %$1: f32[4] = Relu(%$0)\n"
             "  %$2: f32[4] = Loop(%$1) body=graph b(%\"x\"$3: f32[4]) -> (%\"x\"$3) {\n"
             "    %y: f32[4] = Add(%\"x\"$3, %x)\n"
             "  } captures (%x)\n"
             "}\n");
}

/* Siblings may use the same names. */
TEST(siblings) {
  ROUND_TRIP("model opset 27 ir 13\n"
             "graph main(%c: bool[]) -> (%y) {\n"
             "  %y: f32[] = If(%c) else_branch=graph e() -> (%v) {\n"
             "    %v: f32[] = splat 0x0p+0\n"
             "  } then_branch=graph t() -> (%v) {\n"
             "    %v: f32[] = splat 0x1p+0\n"
             "  }\n"
             "}\n");
}

TEST(unsorted) {
  ROUND_TRIP("model opset 27 ir 13\n"
             "graph main(%x: f32[4]) -> (%b) {\n"
             "  %b: f32[4] = Relu(%a)\n"
             "  %a: f32[4] = Relu(%x)\n"
             "}\n");
}

TEST(written_by_hand) {
  Fixture fixture;
  CHECK_INT(fixture_open(&fixture, "# a comment\ngraph g(%x: f32[0x10]) -> (%y) { %w: f32[2] = constant [0.5, 1] %h: f16[1]=constant [1.0]\n"
                                   "%y: f32[16] = Conv(%x, %w) alpha=0.5 scales=[1, 0.25] }"),
            OUTCOME_OK);
  CHECK_TEXT(fixture_print(&fixture), "model opset 0 ir 0\n"
                                      "graph g(%x: f32[16]) -> (%y) {\n"
                                      "  %w: f32[2] = constant [0x1p-1, 0x1p+0]\n"
                                      "  %h: f16[1] = constant [0x3c00]\n"
                                      "  %y: f32[16] = Conv(%x, %w) alpha=0x1p-1 scales=[0x1p+0, 0x1p-2]\n"
                                      "}\n");
  fixture_close(&fixture);
}

TEST(deep_regions) {
  Text    text;
  Fixture fixture, deep;
  CHECK_INT(fixture_open(&fixture, "graph g() -> () { }"), OUTCOME_OK);
  for (int depth = 100; depth <= 101; depth++) {
    text_open(&text, fixture.arena);
    text_string(&text, "graph g() -> () {");
    for (int i = 0; i < depth; i++) text_string(&text, "() = If() then_branch=graph t() -> () {");
    for (int i = 0; i <= depth; i++) text_string(&text, "}\n");
    CHECK_INT(fixture_open(&deep, text_finish(&text)), depth == 100 ? OUTCOME_OK : OUTCOME_REFUSED);
    if (depth == 100) CHECK(strlen(fixture_print(&deep)) > 1000);
    fixture_close(&deep);
  }
  fixture_close(&fixture);
}

TEST(errors) {
  static const struct { const char *text, *path, *message; } cases[] = {
      {"", "test:1", "expected"},
      {"model opset x", "test:1", "integer"},
      {"graph g() -> ()\n{ %x: f32[2] = Relu(%y) }", "test:2", "no value %\"y\""},
      {"graph g() -> (%$7) { }", "test:1", "no value %$7"},
      {"graph g() -> (_) { }", "test:1", "omitted"},
      {"graph g(_) -> () { }", "test:1", "omitted"},
      {"graph g(%x: f32, %x: f32) -> () { }", "test:1", "defined twice"},
      {"graph g(%x: f33) -> () { }", "test:1", "no element type f33"},
      {"graph g(%x: f32[-1]) -> () { }", "test:1", "negative"},
      {"graph g(%x: f32[N]) -> () { }", "test:1", "N"},
      {"graph g(%x: f32[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]) -> () { }", "test:1", "more than 16"},
      {"graph g(%x f32) -> () { }", "test:1", "expected `:`"},
      {"graph g(x: f32) -> () { }", "test:1", "expected a value"},
      {"graph g(%\"a\\x00b\": f32) -> () { }", "test:1", "NUL"},
      {"graph g() -> () { %c: i8[1] = constant [128] }", "test:1", "not an integer of type i8"},
      {"graph g() -> () { %c: i8[1] = constant [-129] }", "test:1", "not an integer of type i8"},
      {"graph g() -> () { %c: u64[1] = constant [18446744073709551616] }", "test:1", "not an integer of type u64"},
      {"graph g() -> () { %c: u8[1] = constant [-1] }", "test:1", "expected an integer"},
      {"graph g() -> () { %c: u4[1] = constant [0x10] }", "test:1", "more than the 4 bits"},
      {"graph g() -> () { %c: c64[1] = constant [1.0] }", "test:1", "expected the bits"},
      {"graph g() -> () { %c: f32[1] = constant [x] }", "test:1", "expected a number"},
      {"graph g() -> () { %c: f32[3] = constant [1, 2] }", "test:1", "2 elements where the shape has 3"},
      {"graph g() -> () { %c: f32 = constant [1] }", "test:1", "constant sizes"},
      {"graph g() -> () { %c: ?[1] = constant [1] }", "test:1", "constant sizes"},
      {"graph g() -> () { %c: string[1] = splat 1 }", "test:1", "expected constant or blob"},
      {"graph g() -> () { %c: f32[1] = blob 5 \"00\" }", "test:1", "another size"},
      {"graph g() -> () { %c: f32[1], %d: f32[1] = constant [1] }", "test:1", "expected `(`"},
      {"graph g() -> () { () = Relu() a=1 a=2 }", "test:1", "given twice"},
      {"graph g() -> () { () = Relu() a }", "test:1", "expected attribute=value"},
      {"graph g() -> () { () = Relu() a=[1, \"x\"] }", "test:1", "expected a number"},
      {"graph g() -> () { () = Relu() a=[\"x\", 1] }", "test:1", "expected a string"},
      {"graph g() -> () { () = Relu() a=[] }", "test:1", "expected a number"},
      {"graph g() -> () { () = Relu() a=9223372036854775808 }", "test:1", "64 bits"},
      {"graph g() -> () { () = Relu() origin 5000000000 }", "test:1", "origin"},
      {"graph g() -> () { () = Relu()", "test:1", "expected"},
      {"graph g() -> () { } trailing", "test:1", "expected `graph`"},
      {"sym N 3..2\ngraph g() -> () { }", "test:2", "empty range"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    Fixture fixture;
    Outcome outcome = fixture_open(&fixture, cases[i].text);
    if (outcome != OUTCOME_REFUSED || !strstr(fixture_message(&fixture), cases[i].message) ||
        strcmp(fixture.context.diagnostics[0].path, cases[i].path))
      check_settle("not ok", "%s: outcome %d, %s, %s", cases[i].text, (int)outcome, fixture_message(&fixture),
                   fixture.context.diagnostic_count ? fixture.context.diagnostics[0].path : "");
    fixture_close(&fixture);
  }
}

TEST(place) {
  Fixture fixture;
  CHECK_INT(fixture_open(&fixture, "sym N 1..8 graph g(%m: f32[N, 49], %\"odd name\": i64) -> (%c) {\n"
                                   "%c: f32[N, 64] = Conv(%m, _, %\"odd name\") origin 3 \"conv\\x221\" \"graph\" }"),
            OUTCOME_OK);
  Place place = node_place(fixture.module, 1, &operator_names);
  CHECK_TEXT(place.path, "graph.node[3] \"conv\\x221\" (Conv)");
  CHECK_TEXT(place.detail, "%c: f32[N, 64] = Conv(%m: f32[N, 49], _, %\"odd name\": i64)");
  fixture_close(&fixture);
}

int main(void) {
  RUN(header);
  RUN(values_and_nodes);
  RUN(attributes);
  RUN(constants);
  RUN(blob_hash);
  RUN(regions);
  RUN(numbers);
  RUN(siblings);
  RUN(unsorted);
  RUN(written_by_hand);
  RUN(deep_regions);
  RUN(errors);
  RUN(place);
  return check_done();
}
