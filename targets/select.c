/* From what a user writes to targets: rows, names that C compilers know, LLVM triples, features behind a +. */
#include "compiler/base/text.h"
#include "targets/target.h"

#include <string.h>

typedef struct FeatureInfo {
  const char *name, *architecture;
  unsigned    vector_bytes; /* the row must have at least */
  const char *c_feature_test, *c_flag, *llvm_feature, *implied;
  Target      gives;
} FeatureInfo;
static const FeatureInfo features[] = {
#define FEATURE(id, name, architecture, vector_bytes, test, c_flag, llvm, implied, ...) \
  {name, architecture, vector_bytes, test, c_flag, llvm, implied, __VA_ARGS__},
#include "features.def"
#undef FEATURE
};
_Static_assert(sizeof features / sizeof *features == FEATURE_COUNT && FEATURE_COUNT <= 32, "features.def and enum Feature disagree");

typedef struct NameInfo {
  const char *name, *target;
} NameInfo;
static const NameInfo names[] = {
#define NAME(name, target) {name, target},
#include "names.def"
#undef NAME
};
static const NameInfo triples[] = {
#define TRIPLE(first, target) {first, target},
#define SYSTEM(prefix)
#include "triples.def"
#undef TRIPLE
#undef SYSTEM
};
static const char *const systems[] = {
#define TRIPLE(first, target)
#define SYSTEM(prefix) prefix,
#include "triples.def"
#undef TRIPLE
#undef SYSTEM
};
#define COUNT(array) (sizeof(array) / sizeof *(array))

const char *target_name_at(uint32_t index, const char **target) {
  if (index >= COUNT(names)) return NULL;
  *target = names[index].target;
  return names[index].name;
}

const char *target_triple_at(uint32_t index, const char **target) {
  if (index >= COUNT(triples)) return NULL;
  *target = triples[index].target;
  return triples[index].name;
}

const char *target_system_at(uint32_t index) { return index < COUNT(systems) ? systems[index] : NULL; }

const char     *feature_name(Feature feature) { return features[feature].name; }
const uint32_t *feature_cpu_needs(Feature feature) { return features[feature].gives.cpu_needs; }

/* ---- features ------------------------------------------------------------------------------------------------------------------------------- */

static bool belongs(const FeatureInfo *feature, const Target *target) {
  return strncmp(target->architecture, feature->architecture, strlen(feature->architecture)) == 0;
}

bool feature_suits(Feature feature, const Target *target) {
  return belongs(&features[feature], target) && target->vector_bytes >= features[feature].vector_bytes;
}

/* -march=armv8-a -mabi=x and +dotprod: -march=armv8-a+dotprod -mabi=x. A flag of its own goes to the end. */
static const char *with_c_flag(Arena *arena, const char *flags, const char *flag) {
  if (*flag == '-') return arena_format(arena, "%s %s", flags, flag);
  size_t first = strcspn(flags, " ");
  return arena_format(arena, "%s%s%s", arena_string(arena, flags, first), flag, flags + first);
}

void target_add_feature(Arena *arena, Target *target, Feature feature) {
  const FeatureInfo *info = &features[feature];
  if (target_has(target, feature)) return;
  target->features |= 1u << feature;
  target->name = arena_format(arena, "%s+%s", target->name, info->name);
  target->c_feature_test = arena_format(arena, "%s && %s", target->c_feature_test, info->c_feature_test);
  target->c_flags = with_c_flag(arena, target->c_flags, info->c_flag);
  target->llvm_features = target->llvm_features ? arena_format(arena, "%s,%s", target->llvm_features, info->llvm_feature) : info->llvm_feature;
  if (target->c_attribute) target->c_attribute = arena_format(arena, "%s,%s", target->c_attribute, info->c_flag + strlen("-m"));
  for (uint32_t word = 0; word < CPU_WORDS; word++) target->cpu_needs[word] |= info->gives.cpu_needs[word];
  target->has_f16 |= info->gives.has_f16;
  target->has_masked |= info->gives.has_masked;
  for (uint32_t other = 0; other < FEATURE_COUNT; other++)
    if (*info->implied && strcmp(info->implied + 1, features[other].name) == 0) target_add_feature(arena, target, (Feature)other);
}

/* ---- reading -------------------------------------------------------------------------------------------------------------------------------- */

typedef struct Reading {
  Context    *context;
  Arena      *arena;
  const char *option;
} Reading;
typedef VECTOR(const char *) Words;

NO_RETURN static void refuse(const Reading *reading, const char *what, const char *word, const Words *known, const char *otherwise) {
  const char *near = did_you_mean(word, known->data, known->count);
  Text        text;
  text_open(&text, reading->arena);
  text_quoted(&text, word, strlen(word));
  usage_error(reading->context, CODE_OPTION_VALUE, near ? arena_format(reading->arena, "did you mean %s?", near) : otherwise, "%s%s %s",
              reading->option, what, text_finish(&text));
}

static void add_feature(const Reading *reading, Target *target, const char *word) {
  Words    known = {0};
  uint32_t feature = 0;
  while (feature < FEATURE_COUNT && strcmp(features[feature].name, word) != 0) feature++;
  if (feature < FEATURE_COUNT && feature_suits((Feature)feature, target)) {
    target_add_feature(reading->arena, target, (Feature)feature);
    return;
  }
  for (uint32_t other = 0; other < FEATURE_COUNT; other++)
    if (feature_suits((Feature)other, target)) vector_push(reading->arena, &known, features[other].name);
  refuse(reading, arena_format(reading->arena, ": %s has no feature", target->name), word, &known, "onnxcc --target=help lists them");
}

/* The row that the first word of a triple stands for; NULL: it is no triple. */
static const char *triple_row(const char *text) {
  size_t first = strcspn(text, "-");
  for (size_t i = 0; text[first] && i < COUNT(triples); i++)
    if (strlen(triples[i].name) == first && strncmp(triples[i].name, text, first) == 0) return triples[i].target;
  return NULL;
}

/* armv7-m and armv7a-neon begin like triples and are a name and a row, perhaps with features behind them. */
bool target_is_triple(const char *text) {
  size_t length = strcspn(text, ",+");
  for (size_t i = 0; i < COUNT(names); i++)
    if (strlen(names[i].name) == length && strncmp(names[i].name, text, length) == 0) return false;
  for (uint32_t i = 0; target_at(i); i++)
    if (strlen(target_at(i)->name) == length && strncmp(target_at(i)->name, text, length) == 0) return false;
  return triple_row(text) != NULL;
}

/* A later word of the triple names a system. */
static bool names_system(const char *triple) {
  for (const char *at = strchr(triple, '-'); at; at = strchr(at + 1, '-'))
    for (size_t i = 0; i < COUNT(systems); i++)
      if (strncmp(at + 1, systems[i], strlen(systems[i])) == 0) return true;
  return false;
}

static void check_triple(const Reading *reading, const char *triple) {
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  Words             none = {0};
  if (triple[strspn(triple, plain)] || !names_system(triple))
    refuse(reading, " takes no triple like", triple, &none, "a machine and a system, such as aarch64-linux-android; onnxcc --target=help lists them");
}

/* A row or a name, with its features. */
static void find(const Reading *reading, const char *word, Target *target);

static void read_member(const Reading *reading, const char *text, Target *target) {
  size_t length = strcspn(text, "+");
  find(reading, arena_string(reading->arena, text, length), target);
  while (text[length]) {
    const char *word = text + length + 1;
    size_t      size = strcspn(word, "+");
    add_feature(reading, target, arena_string(reading->arena, word, size));
    length += 1 + size;
  }
}

static void find(const Reading *reading, const char *word, Target *target) {
  const Target *row = target_find(word);
  Words         known = {0};
  if (row) {
    *target = *row;
    if (strcmp(word, "native") == 0) target_add_native_features(reading->arena, target);
    return;
  }
  if (target_is_triple(word)) {
    check_triple(reading, word);
    *target = *target_find(triple_row(word));
    target->llvm_triple = word;
    return;
  }
  for (size_t i = 0; i < COUNT(names); i++) {
    if (strcmp(names[i].name, word) == 0) {
      read_member(reading, names[i].target, target);
      return;
    }
    vector_push(reading->arena, &known, names[i].name);
  }
  for (uint32_t at = 0; target_at(at); at++) vector_push(reading->arena, &known, target_at(at)->name);
  vector_push(reading->arena, &known, "native");
  refuse(reading, " can't be", word, &known, "onnxcc --target=help lists them");
}

/* The system of a triple given apart. */
static void set_system(const Reading *reading, Target *target, const char *triple) {
  const char *row = triple_row(triple);
  if (strcmp(target_find(row)->architecture, target->architecture) != 0)
    usage_error(reading->context, CODE_OPTION_VALUE, "give a triple and a machine of one architecture", "%s is no machine of %s", target->name,
                triple);
  check_triple(reading, triple);
  target->llvm_triple = triple;
}

void target_select(Context *context, Arena *arena, const char *option, const char *text, const char *triple, TargetList *list) {
  Reading reading = {.context = context, .arena = arena, .option = option};
  Words   members = {0};
  for (const char *at = text;; at++) {
    size_t length = strcspn(at, ",");
    char  *item = arena_string(arena, at, length);
    if (*item == '+' && members.count) members.data[members.count - 1] = arena_format(arena, "%s%s", members.data[members.count - 1], item);
    else vector_push(arena, &members, item);
    at += length;
    if (!*at) break;
  }
  for (uint32_t i = 0; i < members.count; i++) {
    Target *target = arena_new(arena, Target);
    read_member(&reading, members.data[i], target);
    if (triple) set_system(&reading, target, triple);
    vector_push(arena, list, target);
  }
}
