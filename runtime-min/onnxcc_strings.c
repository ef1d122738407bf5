/* Text for status codes. Optional: generated code does not call it. SPDX-License-Identifier: 0BSD */
#include "onnxcc_strings.h"

const char *onnxcc_status_text(int32_t status) {
  static const char *const text[] = {
    "ok",
    "bad argument: a null pointer, an uninitialised context, or another ABI",
    "workspace or state missing, too small or not aligned",
    "weights missing, of another size or with another hash",
    "a dimension outside its range, or a run-time size that disagrees with the model",
    "an index in the data outside its axis",
    "a value in the data outside what the model allows",
    "a sequence or a loop's output outgrew its capacity",
    "this processor lacks instructions that the code is made of",
    "clang compiled the code with -ffp-contract=fast, which changes results"
  };
  if (status > 0 || status <= -(int32_t)(sizeof text / sizeof *text)) return "unknown status";
  return text[-status];
}
