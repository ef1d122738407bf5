/* Run any model compiled by onnxcc: host LIBRARY NAME < inputs > outputs, both as frames. LIBRARY is a shared object, NAME the model's C name. */
#define _POSIX_C_SOURCE 200809L
#include <dlfcn.h>
#include "frames.h"

int main(int argc, char **argv) {
  if (argc != 3) FAIL("usage: host LIBRARY NAME < inputs > outputs");
  void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (!library) FAIL("%s", dlerror());
  char symbol[64];
  snprintf(symbol, sizeof symbol, "%s_info", argv[2]);
  const onnxcc_model_info *(*get_info)(void);
  *(void **)&get_info = dlsym(library, symbol);
  if (!get_info) FAIL("%s", dlerror());
  const onnxcc_model_info *info = get_info();

  frames.in = stdin;
  frames.out = stdout;
  drive_model(info, NULL);
  return 0;
}
