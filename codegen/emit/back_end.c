/* Finds back ends: in the folders that the program's run path names. */
#include "codegen/emit/back_end.h"

#include <dlfcn.h>

const BackEnd *back_end_llvm(Context *context) {
  static const char hint[] = "configure onnxcc with -DONNXCC_LLVM=ON (Debian: llvm-19-dev), or write C with -S and compile that";
  void             *module = dlopen(ONNXCC_LLVM_MODULE, RTLD_NOW | RTLD_LOCAL);
  if (!module) {
    const char *reason = dlerror();
    usage_error(context, CODE_NOT_BUILT_IN, hint, "this needs the LLVM back end, which is not there: %s", reason ? reason : "no reason is known");
  }
  const BackEnd *back_end = dlsym(module, "onnxcc_llvm_back_end");
  if (!back_end || back_end->abi != BACK_END_ABI) usage_error(context, CODE_NOT_BUILT_IN, hint, "%s belongs to another onnxcc", ONNXCC_LLVM_MODULE);
  return back_end;
}
