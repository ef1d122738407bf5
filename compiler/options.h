/* The command line as data. options.def is the one table; this is what a command line becomes. Everything lives in one arena; nothing is global. */
#ifndef ONNXCC_COMPILER_OPTIONS_H
#define ONNXCC_COMPILER_OPTIONS_H
#include "compiler/base/text.h"
#include "compiler/pipeline.h"
#include "passes/pass.h"
#include "targets/target.h"

/* COMMAND(id, "name", "what it does") */
#define COMMANDS(COMMAND) \
  COMMAND(COMPILE, "compile", "compile MODEL; the command that needs no word") \
  COMMAND(INSPECT, "inspect", "say what is in MODEL: operators, shapes, cost, memory, what is not supported") \
  COMMAND(RUN, "run", "compile MODEL and run it on data") \
  COMMAND(VERIFY, "verify", "run MODEL and compare with expected outputs, or with the interpreter") \
  COMMAND(BENCH, "bench", "measure how long a run of MODEL takes")
typedef enum CommandKind {
#define COMMAND(id, name, summary) COMMAND_##id,
  COMMANDS(COMMAND)
#undef COMMAND
  COMMAND_COUNT
} CommandKind;

typedef enum OptionForm { FORM_FLAG, FORM_SHORT, FORM_LONG, FORM_JOINED, FORM_MAYBE } OptionForm; /* options.def says what each is */

/* GROUP(id, "heading") of --help, in order */
#define OPTION_GROUPS(GROUP) \
  GROUP(OUTPUT, "Output") GROUP(MODEL, "Model") GROUP(CODE, "Code") GROUP(DATA, "Data") GROUP(COMPARISON, "Comparison and measurement") \
  GROUP(REPORT, "Messages and help") GROUP(INSIDE, "Inside the compiler")
typedef enum OptionGroup {
#define GROUP(id, heading) GROUP_##id,
  OPTION_GROUPS(GROUP)
#undef GROUP
  GROUP_COUNT
} OptionGroup;

typedef struct Parse Parse;
typedef struct OptionInfo {
  const char *spelling;
  OptionForm  form;
  const char *value;       /* what --help calls the value; "" if there is none */
  const char *choices;     /* see options.def */
  uint32_t    commands;    /* bit 1 << CommandKind: known to it */
  OptionGroup group;
  void      (*set)(Parse *parse, const struct OptionInfo *option, const char *value, void *field);
  size_t      field;       /* offset in Options */
  const char *help;
} OptionInfo;
const OptionInfo *option_at(uint32_t index);           /* NULL past the end */
const char       *command_name(CommandKind command);
const char       *command_summary(CommandKind command);

typedef enum WarningId {
#define WARNING(diagnostic, name, shown) WARNING_##diagnostic,
#include "warnings.def"
#undef WARNING
  WARNING_COUNT
} WarningId;
typedef struct WarningInfo { int code; const char *name; bool shown; } WarningInfo;
const WarningInfo *warning_info(WarningId warning);

#define SCHEDULE_NAME "schedule" /* for -f and -fno-, beside the passes: lowering by schedules */

typedef enum EmitKind { EMIT_C, EMIT_GRAPH, EMIT_LOOPS, EMIT_OBJECT, EMIT_ASSEMBLY, EMIT_LLVM_IR, EMIT_ARCHIVE, EMIT_SHARED } EmitKind;
typedef enum RunVia { VIA_C, VIA_INTERPRETER, VIA_LLVM, VIA_JIT } RunVia;
typedef enum ColorWhen { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER } ColorWhen;

/* --shape: extents[axis] as DimSetting has them, unset where the user wrote ?. */
typedef struct ShapeSetting { const char *input; uint32_t rank; struct { bool set; int64_t lo, hi; } extents[MAX_RANK]; } ShapeSetting;

typedef VECTOR(const char *) WordList;

typedef struct Options {
  CommandKind command;
  const char *model;             /* file to work on; NULL: none given */
  WordList    response_files;    /* @file: read too */

  const char *output;            /* -o; NULL: the default */
  int         emit;              /* EmitKind */
  const char *name;              /* --name; NULL: from the file's */
  int         weights;           /* WeightForm; -1: by size */
  bool        list_files, write_depfile, depfile_phony;
  const char *depfile;
  WordList    depfile_targets;

  VECTOR(DimSetting)   dims;
  VECTOR(ShapeSetting) shapes;
  WordList    external_data_dirs;

  TargetList  targets;           /* one, or the members of a dispatch group */
  const Target *target;          /* the first */
  const char *triple;            /* LLVM's, that --target gave the system with; NULL: none */
  bool        list_targets;      /* --target=help */
  int         level;             /* 0..3; -Os is 1 */
  int8_t      choice[PASS_COUNT];/* as PassOptions has it */
  bool        no_schedule;       /* -fno-schedule: no pass of the table, but chosen like one */
  int         fp;                /* FpMode */
  int         math;              /* MathMode, MATH_FULL or MATH_FAST */
  bool        libm;              /* instead: MATH_LIBM */

  const char *data, *output_dir;
  WordList    inputs;            /* NAME=FILE */
  int64_t     seed;
  int64_t     fast_memory;       /* bytes; 0: none */
  bool        symbolic, npy;
  int         via;               /* RunVia */

  bool        per_node, absolute_of_largest;
  double      relative, absolute; /* < 0: not given */
  int64_t     max_ulp;           /* < 0: not given */

  bool        json, verbose, version, verify_each;
  int8_t      warnings[WARNING_COUNT]; /* 1: -W, -1: -Wno-, 0: as the table says */
  bool        errors[WARNING_COUNT];   /* -Werror=NAME */
  bool        warnings_are_errors;     /* -Werror */
  int         color;             /* ColorWhen */
  const char *explain, *help;    /* help: the topic, "" for none, NULL if not asked for */
  const char *dump, *passes;
} Options;

/* Reads a command line without the program's name. A mistake in it leaves the stage with OUTCOME_USAGE. */
void options_parse(Context *context, Arena *arena, Options *options, uint32_t count, const char *const *words);
/* The options that shape the output, in an order of their own and without paths: for the comment at the top of generated files. */
const char *options_summary(const Options *options, Arena *arena);
MathMode options_math(const Options *options);
/* Asked for help, a version or an explanation: nothing is compiled. */
bool options_only_tell(const Options *options);

bool warning_is_shown(const Options *options, const Diagnostic *diagnostic);
/* A shown warning that -Werror makes an error. */
bool warning_is_error(const Options *options, const Diagnostic *diagnostic);

/* options_text.c: texts that are made from the table. */
void options_help(Text *text, CommandKind command);
void options_man(Text *text);
void options_completion(Text *text);
void options_list_passes(Text *text);
void options_list_targets(Text *text);
void options_list_operators(Text *text);
void options_list_warnings(Text *text);
#endif
