/* Firmware without an operating system or a C library: classifies one handwritten digit with the model compiled from samples/digits. */
#include "digits.h"
#include "semihosting.h"

enum { PIXELS = 64, DIGITS = 10 };

/* samples/digits/images/3.pgm: ink from 0 to 255. In a product it comes from a camera. */
static const uint8_t scan[PIXELS] = {
    0, 0,  143, 255, 255, 191, 32,  0, /**/
    0, 48, 207, 80,  64,  223, 80,  0, /**/
    0, 0,  0,   0,   112, 239, 32,  0, /**/
    0, 0,  0,   80,  255, 175, 0,   0, /**/
    0, 0,  0,   0,   128, 255, 112, 0, /**/
    0, 0,  0,   0,   0,   207, 128, 0, /**/
    0, 0,  64,  80,  80,  239, 64,  0, /**/
    0, 0,  191, 255, 239, 80,  0,   0,
};

/* All memory that the model uses, beside its constants and at most DIGITS_STACK_BYTES of stack. */
static ONNXCC_ALIGNED(DIGITS_ALIGN) unsigned char workspace[DIGITS_WORKSPACE_BYTES];
static digits_ctx model;
static float image[PIXELS], probabilities[DIGITS];

int main(void) {
  const digits_config config = {.abi = DIGITS_ABI, .workspace = workspace, .workspace_bytes = sizeof workspace};
  digits_io           io = {.image = image, .probabilities = probabilities};
  for (int i = 0; i < PIXELS; i++) image[i] = (float)scan[i] / 255.0f;
  if (digits_init(&model, &config) != 0 || digits_run(&model, &io) != 0) {
    semihosting_print("the model cannot be run\n");
    return 1;
  }
  int label = 0;
  for (int k = 1; k < DIGITS; k++)
    if (probabilities[k] > probabilities[label]) label = k;
  int  thousandths = (int)(probabilities[label] * 1000.0f + 0.5f);
  char answer[] = "digit 0, probability 0.000\n";
  answer[6] = (char)('0' + label);
  for (int at = 25, rest = thousandths; at >= 21; at--) {
    if (answer[at] == '.') continue;
    answer[at] = (char)('0' + rest % 10);
    rest /= 10;
  }
  semihosting_print(answer);
  return 0;
}
