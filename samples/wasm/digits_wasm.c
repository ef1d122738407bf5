/* What JavaScript sees of the model: where to put the image, classify, where the probabilities are. All memory is static.
 *
 * SPDX-License-Identifier: 0BSD */
#include "digits.h"

#define EXPORT(name) __attribute__((export_name(#name)))
enum { PIXELS = 64, DIGITS = 10 };

static float image[PIXELS], probabilities[DIGITS];

EXPORT(image) float *where_image(void) { return image; }
EXPORT(probabilities) float *where_probabilities(void) { return probabilities; }
EXPORT(classify) int32_t classify(void) { return digits(image, probabilities); }
