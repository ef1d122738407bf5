/* Two models in one program: external.onnx adds {1, 2, 4, 8}, digits.onnx sees an empty image. Exit status 0 if the sums are right. */
#include <stdio.h>
#include "digits.h"
#include "external.h"

static ONNXCC_ALIGNED(DIGITS_ALIGN) unsigned char   digits_workspace[DIGITS_WORKSPACE_BYTES + 1];
static ONNXCC_ALIGNED(EXTERNAL_ALIGN) unsigned char external_workspace[EXTERNAL_WORKSPACE_BYTES + 1];

int main(void) {
  digits_ctx   digits;
  external_ctx external;
  const digits_config digits_setup = {.abi = DIGITS_ABI, .workers = 1, .workspace = digits_workspace, .workspace_bytes = DIGITS_WORKSPACE_BYTES};
  const external_config external_setup = {
      .abi = EXTERNAL_ABI, .workers = 1, .workspace = external_workspace, .workspace_bytes = EXTERNAL_WORKSPACE_BYTES};
  if (digits_init(&digits, &digits_setup) != 0 || external_init(&external, &external_setup) != 0) return 1;

  const float image[64] = {0}, x[4] = {10, 20, 30, 40}, wanted[4] = {11, 22, 34, 48};
  float       probabilities[10], y[4];
  if (digits_run(&digits, &(digits_io){.image = image, .probabilities = probabilities}) != 0) return 1;
  if (external_run(&external, &(external_io){.x = x, .y = y}) != 0) return 1;
  for (int i = 0; i < 4; i++)
    if (y[i] != wanted[i]) return 1;
  puts("sums right");
  return 0;
}
