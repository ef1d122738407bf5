/* Text for status codes. SPDX-License-Identifier: 0BSD */
#ifndef ONNXCC_STRINGS_H
#define ONNXCC_STRINGS_H
#include "onnxcc_rt.h"
#ifdef __cplusplus
extern "C" {
#endif
const char *onnxcc_status_text(int32_t status); /* never null */
#ifdef __cplusplus
}
#endif
#endif
