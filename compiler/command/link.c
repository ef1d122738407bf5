/* Shared libraries: LLVM makes the object, a linker the rest. $LD, or the first of a list that is there, gets options that ld, gold and lld share. */
#include "compiler/command/link.h"
#include "compiler/command/tool.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static const char *const elf_linkers[] = {"ld.lld", "ld.lld-19", "ld", NULL};
static const char *const macho_linkers[] = {"ld64.lld", "ld64.lld-19", "ld", NULL};

static const char *triple_of(const Command *command) {
  const char *triple = command->options.triple ? command->options.triple : command->options.target->llvm_triple;
  return triple ? triple : "";
}

/* Apple's linkers want to be told the system, which the triple names; older ones don't run on arm64. */
static const char *macho_words(const char *triple) {
  bool is_arm = strncmp(triple, "x86_64", 6) != 0;
  if (strstr(triple, "ios")) return "-dylib -undefined dynamic_lookup -platform_version ios 14.0 14.0 -arch arm64";
  return is_arm ? "-dylib -undefined dynamic_lookup -platform_version macos 11.0 11.0 -arch arm64"
                : "-dylib -undefined dynamic_lookup -platform_version macos 11.0 11.0 -arch x86_64";
}

static WordList linker_words(Command *command, const Emission *emission, const char *linker, const char *base) {
  Arena   *arena = command->arena;
  WordList words = {0};
  bool     is_macho = emission->format == OBJECT_MACHO;
  tool_words(arena, &words, linker);
  tool_words(arena, &words, is_macho ? macho_words(triple_of(command)) : "-shared --build-id=none -z noexecstack -soname");
  if (is_macho) vector_push(arena, &words, "-install_name");
  vector_push(arena, &words, is_macho ? arena_format(arena, "@rpath/%s", base) : base);
  vector_push(arena, &words, "-o");
  vector_push(arena, &words, tool_path(command, "model.so"));
  vector_push(arena, &words, tool_path(command, "model.o"));
  vector_push(arena, &words, NULL);
  return words;
}

static void check(Command *command, const char *linker, int error, int status) {
  if (error)
    io_error(&command->context, CODE_LINKER, (Place){0}, "install lld, or set LD to a linker for this machine", "%s can't be started: %s", linker,
             strerror(error));
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  Place place = {.detail = tool_message(command)};
  io_error(&command->context, CODE_LINKER, place, "set LD to a linker for the target, or link the object (-c) yourself", "%s failed on the object",
           linker);
}

Text link_shared(Command *command, const Emission *emission, const char *base) {
  const char *const *linkers = emission->format == OBJECT_MACHO ? macho_linkers : elf_linkers;
  const char        *given = getenv("LD"), *linker = given && *given ? given : *linkers;
  int                status = 0, error;
  if (emission->format != OBJECT_ELF && emission->format != OBJECT_MACHO)
    usage_error(&command->context, CODE_OUTPUT_NAME, "write an object with -c, or a static library with --emit=archive, and link that",
                "shared libraries are made for ELF and Mach-O only");
  tool_open_folder(command);
  tool_write(command, "model.o", &emission->source);
  do {
    WordList words = linker_words(command, emission, linker, base);
    error = tool_run(command, &words, &status);
  } while (error == ENOENT && !(given && *given) && *++linkers && (linker = *linkers) != NULL);
  check(command, linker, error, status);
  Bytes bytes = file_read(&command->context, command->arena, tool_path(command, "model.so"));
  Text  library;
  text_open(&library, command->arena);
  text_bytes(&library, (const char *)bytes.data, bytes.size);
  tool_close_folder(command);
  return library;
}
