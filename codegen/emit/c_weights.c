/* The weights: in the .c as unsigned words, beside it as a file for .incbin, or given by the caller. */
#include "c_emit.h"

#include <string.h>

enum { WORDS_A_LINE = 8 };

static void words(Emitter *e, Text *out) {
  size_t count = e->blob.length / 4;
  text_format(out, "#ifndef %s_WEIGHTS_ATTR\n#define %s_WEIGHTS_ATTR\n#endif\n", e->macro, e->macro);
  text_format(out, "static %s_WEIGHTS_ATTR ONNXCC_ALIGNED(%s_ALIGN) const uint32_t %s_weights_data[%zu] = {\n", e->macro, e->macro, e->name, count);
  for (size_t i = 0; i < count; i++) {
    uint32_t word;
    memcpy(&word, e->blob.data + i * 4, sizeof word);
    text_format(out, "%s0x%08xu%s", i % WORDS_A_LINE ? " " : "  ", word, i + 1 == count ? "\n" : i % WORDS_A_LINE == WORDS_A_LINE - 1 ? ",\n" : ",");
  }
  text_string(out, "};\n\n");
}

/* The assembler finds the file through -I; link-time optimisation loses that path, hence the macro. */
static void incbin(Emitter *e, Text *out) {
  const char *n = e->name, *m = e->macro;
  text_format(out,
              "/* The weights are in %s.weights.bin, which the assembler finds through -I; or give its path: -D%s_WEIGHTS_PATH='\"...\"' (needed "
              "with -flto). */\n",
              e->options->file_name, m);
  text_format(out, "#ifndef %s_WEIGHTS_PATH\n#define %s_WEIGHTS_PATH \"%s.weights.bin\"\n#endif\n", m, m, e->options->file_name);
  text_format(out, "#if !defined(__GNUC__)\n#error \"compile the model with --weights=inline or --weights=file for this compiler\"\n");
  text_format(out,
              "#elif defined(__APPLE__)\n#define %s_WEIGHTS_SYMBOL \"_%s_weights_data\"\n#define %s_WEIGHTS_OPEN \".section "
              "__TEXT,__const\\n.private_extern \" %s_WEIGHTS_SYMBOL \"\\n\"\n#define %s_WEIGHTS_CLOSE \".text\\n\"\n",
              m, n, m, m, m);
  text_format(out,
              "#elif defined(_WIN32)\n#if defined(__i386__)\n#define %s_WEIGHTS_SYMBOL \"_%s_weights_data\"\n#else\n#define %s_WEIGHTS_SYMBOL "
              "\"%s_weights_data\"\n#endif\n#define %s_WEIGHTS_OPEN \".section .rdata,\\\"dr\\\"\\n\"\n#define %s_WEIGHTS_CLOSE \".text\\n\"\n",
              m, n, m, n, m, m);
  text_format(
      out,
      "#else\n#ifndef %s_WEIGHTS_SECTION\n#define %s_WEIGHTS_SECTION \".rodata.%s_weights\"\n#endif\n#define %s_WEIGHTS_SYMBOL \"%s_weights_data\"\n",
      m, m, n, m, n);
  text_format(out,
              "#define %s_WEIGHTS_OPEN \".section \" %s_WEIGHTS_SECTION \",\\\"a\\\",%%progbits\\n.hidden \" %s_WEIGHTS_SYMBOL \"\\n\"\n#define "
              "%s_WEIGHTS_CLOSE \".previous\\n\"\n#endif\n",
              m, m, m, m);
  text_format(out,
              "__asm__(%s_WEIGHTS_OPEN \".globl \" %s_WEIGHTS_SYMBOL \"\\n.balign 64\\n\" %s_WEIGHTS_SYMBOL \":\\n.incbin \\\"\" %s_WEIGHTS_PATH "
              "\"\\\"\\n\" %s_WEIGHTS_CLOSE);\n",
              m, m, m, m, m);
  text_format(
      out,
      "#ifdef __cplusplus\nextern \"C\" const unsigned char %s_weights_data[];\n#else\nextern const unsigned char %s_weights_data[];\n#endif\n\n", n,
      n);
}

static void check(Emitter *e, Text *out) {
  bool built_in = e->options->weights != WEIGHTS_FILE;
  text_format(out, "#ifndef %s_ANY_WEIGHTS\n/* FNV-1a by words, of weights that the caller gives%s. */\n", e->macro,
              built_in ? " in place of those compiled in" : "");
  text_format(out, "static uint64_t %s_weights_hash(const unsigned char *bytes) {\n", e->name);
  text_string(out, "  const uint32_t *const words = (const uint32_t *)(const void *)bytes;\n  uint64_t hash = UINT64_C(0xcbf29ce484222325);\n");
  text_format(
      out, "  for (size_t i = 0; i < %s_WEIGHTS_BYTES / 4u; ++i) hash = (hash ^ words[i]) * UINT64_C(0x100000001b3);\n  return hash;\n}\n#endif\n\n",
      e->macro);
}

void c_weights(Emitter *e, Text *out) {
  if (e->blob.length == 0) return;
  if (e->options->weights == WEIGHTS_INLINE) words(e, out);
  if (e->options->weights == WEIGHTS_INCBIN) incbin(e, out);
  check(e, out);
}
