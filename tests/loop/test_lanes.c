/* Random kernels run with lanes and without: the results must be equal to the bit, and one may only find a fault where the other does.
 *
 *     test_lanes [FIRST COUNT]     seeds; prints the program of the first seed that fails
 *
 * A program has loops of 1 to 4 levels, lets, variables, conditions, stores and loads with affine and other indices, some of which alias. */
#include "evaluate_test.h"

enum { NAMES = 12 };

typedef struct Writer {
  char     text[1 << 15];
  size_t   length;
  uint32_t seed;
  int      names;                 /* made so far */
  int      loops, floats, variables; /* visible */
  char     loop[NAMES][8], number[NAMES][8], variable[NAMES][8];
  int      depth, statements;
} Writer;

static uint32_t roll(Writer *writer, uint32_t sides) {
  writer->seed = writer->seed * 1664525u + 1013904223u;
  return (writer->seed >> 8) % sides;
}

static void say(Writer *writer, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  size_t room = sizeof writer->text - writer->length;
  int length = vsnprintf(writer->text + writer->length, room, format, arguments);
  va_end(arguments);
  if (length > 0 && (size_t)length < room) writer->length += (size_t)length;
}

static const char *any_loop(Writer *writer) { return writer->loops ? writer->loop[roll(writer, (uint32_t)writer->loops)] : "0:index"; }

/* An index that is most likely within `size`. */
static void index_text(Writer *writer, int size) {
  switch (roll(writer, 9)) {
    case 0: say(writer, "%u:index", roll(writer, (uint32_t)size)); break;
    case 1: case 2: case 3: say(writer, "%s", any_loop(writer)); break;
    case 4: say(writer, "min(%s + %u, %d)", any_loop(writer), roll(writer, 3), size - 1); break;
    case 5: say(writer, "(%s * %u + %s + %u) %% %d", any_loop(writer), 1 + roll(writer, 4), any_loop(writer), roll(writer, 4), size); break;
    case 6: say(writer, "%d - %s", size - 1, any_loop(writer)); break;
    case 7: say(writer, "cast(index, picks[%s %% 16]) %% %d", any_loop(writer), size); break;
    default: say(writer, "%s + %s * %u", any_loop(writer), any_loop(writer), roll(writer, 3)); break;
  }
}

typedef struct Target { const char *name; int rank, dims[3]; } Target;
static const Target targets[] = {{"y", 3, {6, 10, 12}}, {"z", 2, {24, 24}}, {"flat", 1, {720}}, {"x", 3, {6, 10, 12}}, {"spare", 1, {24}}};

static void element_text(Writer *writer, const Target *target) {
  say(writer, "%s[", target->name);
  if (target->rank == 1 && writer->loops >= 2 && roll(writer, 2)) { /* as a late pass writes it */
    static const unsigned factors[] = {2, 3, 4, 6, 10, 12, 24};
    say(writer, "%s * %u + %s + %u]", writer->loop[roll(writer, 2)], factors[roll(writer, 7)], any_loop(writer), roll(writer, 3));
    return;
  }
  for (int d = 0; d < target->rank; d++) {
    if (d) say(writer, ", ");
    if (d < writer->loops && roll(writer, 4)) say(writer, "%s", writer->loop[d]);
    else index_text(writer, target->dims[d]);
  }
  say(writer, "]");
}

static void number_text(Writer *writer, int depth);

static void call_text(Writer *writer, const char *head, int operands, int depth) {
  say(writer, "%s", head);
  for (int k = 0; k < operands; k++) say(writer, k ? ", " : ""), number_text(writer, depth + 1);
  say(writer, ")");
}

static void number_text(Writer *writer, int depth) {
  switch (roll(writer, depth > 3 ? 4 : 10)) {
    case 0: say(writer, "%u:f32", 1 + roll(writer, 5)); break;
    case 1: if (writer->variables) { say(writer, "%s", writer->variable[roll(writer, (uint32_t)writer->variables)]); break; } /* fall through */
    case 2: if (writer->floats) { say(writer, "%s", writer->number[roll(writer, (uint32_t)writer->floats)]); break; } /* fall through */
    case 3: element_text(writer, &targets[roll(writer, 4)]); break;
    case 4: case 5: {
      static const char *const operations[] = {"+", "-", "*", "/"};
      say(writer, "("), number_text(writer, depth + 1);
      say(writer, " %s ", operations[roll(writer, 4)]);
      number_text(writer, depth + 1), say(writer, ")");
      break;
    }
    case 6: call_text(writer, roll(writer, 2) ? "max(" : "min(", 2, depth); break;
    case 7: call_text(writer, "muladd(", 3, depth); break;
    case 8:
      say(writer, "select(%s > %s, ", any_loop(writer), any_loop(writer));
      call_text(writer, "", 2, depth);
      break;
    default: say(writer, "cast(f32, "), index_text(writer, 10), say(writer, ")"); break;
  }
}

static void block_text(Writer *writer, int statements);

static void loop_text(Writer *writer) {
  static const int sizes[] = {2, 3, 4, 6, 10, 12, 24};
  int size = sizes[roll(writer, 7)];
  char name[8];
  snprintf(name, sizeof name, "k%d", writer->names++);
  if (writer->loops == NAMES) return;
  say(writer, "for %s in ", name);
  if (roll(writer, 6) == 0) say(writer, "%s..%d", any_loop(writer), size);
  else if (roll(writer, 6) == 0) say(writer, "%u..%d step %u", roll(writer, 3), size, 1 + roll(writer, 3));
  else say(writer, "0..%d", size);
  memcpy(writer->loop[writer->loops++], name, sizeof name);
  say(writer, " {\n");
  block_text(writer, 1 + (int)roll(writer, 3));
  say(writer, "}\n");
  writer->loops--;
}

static void statement_text(Writer *writer) {
  writer->statements++;
  uint32_t kind = roll(writer, 12);
  if (writer->depth < 4 && kind < 4) { loop_text(writer); return; }
  switch (kind) {
    case 4: case 5:
      if (writer->floats == NAMES) return;
      say(writer, "let n%d = ", writer->names), number_text(writer, 0), say(writer, "\n");
      snprintf(writer->number[writer->floats++], 8, "n%d", writer->names++);
      return;
    case 6:
      if (writer->variables == NAMES) return;
      say(writer, "var v%d: f32 = ", writer->names), number_text(writer, 1), say(writer, "\n");
      snprintf(writer->variable[writer->variables++], 8, "v%d", writer->names++);
      return;
    case 7: case 8:
      if (!writer->variables) return;
      {
        const char *variable = writer->variable[roll(writer, (uint32_t)writer->variables)];
        static const char *const forms[] = {"%s = %s + ", "%s = max(%s, ", "%s = muladd(x[0, 0, 0], 2, %s) * ", "%s = %s * "};
        uint32_t form = roll(writer, 4);
        say(writer, forms[form], variable, variable), number_text(writer, 2), say(writer, form == 1 ? ")\n" : "\n");
      }
      return;
    case 9:
      if (writer->depth >= 4) return;
      say(writer, "if "), number_text(writer, 2), say(writer, " > "), number_text(writer, 2), say(writer, " {\n");
      block_text(writer, 1 + (int)roll(writer, 2));
      if (roll(writer, 2)) say(writer, "} else {\n"), block_text(writer, 1);
      say(writer, "}\n");
      return;
    default: {
      static const int stored[] = {0, 1, 2, 4};
      element_text(writer, &targets[stored[roll(writer, 4)]]), say(writer, " = "), number_text(writer, 0), say(writer, "\n");
    }
  }
}

static void block_text(Writer *writer, int statements) {
  int floats = writer->floats, variables = writer->variables;
  writer->depth++;
  for (int k = 0; k < statements && writer->statements < 40; k++) statement_text(writer);
  if (roll(writer, 3)) {
    element_text(writer, &targets[roll(writer, 3)]), say(writer, " = "), number_text(writer, 1), say(writer, "\n");
  }
  writer->depth--;
  writer->floats = floats, writer->variables = variables;
}

static const char *program_text(uint32_t seed) {
  static Writer writer;
  memset(&writer, 0, sizeof writer);
  writer.seed = seed * 2654435761u + 12345;
  static const char *const aliases[] = {"flat", "y", "z", "flat"};
  const char *flat = aliases[roll(&writer, 4)]; /* sometimes the same memory under two names */
  if (strcmp(flat, "z") == 0) flat = "flat";
  say(&writer, "program buffer x: f32[6, 10, 12] input 0 buffer u: f32[24, 24] input 1 buffer picks: i64[16] input 2\n"
               "buffer y: f32[6, 10, 12] output 0 buffer z: f32[24, 24] output 1 buffer flat: f32[6, 10, 12] output 2\n"
               "buffer spare: f32[24] workspace\n"
               "kernel body(x: f32[6, 10, 12] in, picks: i64[16] in, y: f32[6, 10, 12] inout, z: f32[24, 24] inout, flat: f32[720] inout,\n"
               "            spare: f32[24] scratch) {\n");
  block_text(&writer, 3 + (int)roll(&writer, 3));
  say(&writer, "}\nentry run { copy x -> y copy u -> z copy x -> flat call body(x, picks, y, z, %s, spare) }\n", flat);
  return writer.text;
}

static Trial trial, other;
static float numbers[720];
static int64_t picks[16];

/* False if the two runs differ. */
static bool agree(uint32_t seed, bool *faulty) {
  memset(&trial, 0, sizeof trial);
  trial.text = program_text(seed);
  trial.inputs[0] = numbers, trial.inputs[1] = numbers + 100, trial.inputs[2] = picks;
  trial.step_limit = 20000000;
  other = trial;
  other.stepwise = true;
  trial_run(&trial);
  trial_run(&other);
  *faulty = other.fault[0] != 0;
  if ((trial.fault[0] != 0) != (other.fault[0] != 0)) return false;
  return other.fault[0] || !other.completed || memcmp(trial.outputs, other.outputs, sizeof trial.outputs) == 0;
}

static uint32_t first = 1, count = 2000;

TEST(lanes_change_nothing) {
  uint32_t faulty = 0, which = 0;
  for (uint32_t seed = first; seed < first + count && !which; seed++) {
    bool has_fault;
    if (!agree(seed, &has_fault)) which = seed;
    faulty += has_fault;
  }
  if (which) printf("# seed %u: \"%s\" and \"%s\"\n%s\n", (unsigned)which, trial.fault, other.fault, trial.text);
  CHECK_INT(which, 0);
  CHECK(faulty < count * 9 / 10);
}

int main(int words, char **word) {
  if (words == 3) first = (uint32_t)atoi(word[1]), count = (uint32_t)atoi(word[2]);
  for (int k = 0; k < 720; k++) numbers[k] = (float)((k * 37) % 101 - 50) / 8;
  for (int k = 0; k < 16; k++) picks[k] = (k * 5) % 11;
  RUN(lanes_change_nothing);
  return check_done();
}
