#!/bin/sh
# The allocation sweep of test_sweep on a dozen official node tests, and, where $ONNXCC_MODELS names a folder of models, on these (each 997th allocation).
build=${ONNXCC_BUILD:-build}
cases='test_add_bcast test_conv_with_strides_padding test_gemm_all_attributes test_lstm_with_peepholes test_if test_softmax_axis_1
  test_qlinearconv test_reduce_sum_keepdims_random test_resize_upsample_sizes_nearest test_concat_3d_axis_1 test_layer_normalization_2d_axis0
  test_maxpool_2d_ceil test_gather_elements_1 test_cast_FLOAT_to_FLOAT16'
found=$("$build/venv/bin/python" tests/onnx/collect.py | awk -v wanted="$cases" '
  BEGIN { count = split(wanted, names); for (i = 1; i <= count; i++) is_wanted[names[i]] = 1 }
  $1 in is_wanted { print $2 "/model.onnx" }')
# shellcheck disable=SC2086 # paths without blanks
"$build/tests/library/test_sweep" $found
status=$?
for model in "${ONNXCC_MODELS:-/nowhere}"/*/model.onnx; do
  if [ -f "$model" ]; then "$build/tests/library/test_sweep" --every 997 "$model" || status=1; fi
done
exit $status
