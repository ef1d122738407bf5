/* Old versions that mean something else than the newest one: the flattening Softmax family, normalisations, Dropout, and the many ways to
 * resize. A model is compiled for inference, so training forms are refused unless only their inference results are used. */
#include "compiler/onnx/upgrade.h"
#include <string.h>

/* ---- Softmax, LogSoftmax, Hardmax before opset 13 -------------------------------------------------------------------------------- */

/* They saw a matrix: axes before `axis` (1 by default) are its rows, the others its columns. On the last axis that is what they do now. */
void upgrade_softmax(Upgrade *up) {
  ValueId input = upgrade_input(up, 0), output = upgrade_output(up, 0);
  int64_t axis = upgrade_int(up, "axis", 1);
  int     rank = upgrade_rank(up, input);
  if (!input || !output) return;
  if (axis == -1 || (rank > 0 && axis == rank - 1)) {
    node_set_int(up->module, up->node, "axis", -1);
    return;
  }
  NodeId flat = upgrade_emit(up, "Flatten", 1, &input);
  node_set_int(up->module, flat, "axis", axis);
  upgrade_set_input(up, 0, upgrade_result(up, flat));
  node_set_int(up->module, up->node, "axis", 1);
  ValueId shape = upgrade_unary(up, "Shape", input), inner = upgrade_divert(up, 0);
  NodeId  back = upgrade_emit_into(up, "Reshape", 2, (ValueId[]){inner, shape}, output);
  node_set_int(up->module, back, "allowzero", 1); /* the shape is one, not a request: 0 means an empty axis */
}

/* ---- normalisations ---------------------------------------------------------------------------------------------------------------- */

/* spatial=0: the parameters have one element for each element of an image, not for each channel. */
static void normalize_elements(Upgrade *up) {
  ValueId x = upgrade_input(up, 0), scale = upgrade_input(up, 1), bias = upgrade_input(up, 2), mean = upgrade_input(up, 3),
    variance = upgrade_input(up, 4);
  if (!x || !scale || !bias || !mean || !variance) {
    upgrade_refuse(up, NULL, "BatchNormalization has five operands");
    return;
  }
  ValueId epsilon = upgrade_number(up, upgrade_float(up, "epsilon", (double)1e-5f), variance);
  ValueId deviation = upgrade_unary(up, "Sqrt", upgrade_binary(up, "Add", variance, epsilon));
  ValueId scaled = upgrade_binary(up, "Mul", upgrade_binary(up, "Div", upgrade_binary(up, "Sub", x, mean), deviation), scale);
  upgrade_emit_into(up, "Add", 2, (ValueId[]){scaled, bias}, upgrade_output(up, 0));
  upgrade_erase(up);
}

/* Batch statistics as results are training. is_test (versions 1 and 6) is ignored: the one result of inference is computed. */
void upgrade_batch_normalization(Upgrade *up) {
  upgrade_consumed(up);
  upgrade_remove(up, "is_test");
  for (uint32_t i = 1; i < upgrade_node(up)->output_count; i++)
    if (upgrade_output(up, i)) {
      upgrade_refuse(up, "export the model in inference mode", "BatchNormalization with batch statistics as results is training");
      return;
    }
  upgrade_node(up)->output_count = upgrade_node(up)->output_count ? 1 : 0;
  bool spatial = up->version >= 9 || upgrade_int(up, "spatial", 1) != 0;
  upgrade_remove(up, "spatial");
  if (!spatial && upgrade_output(up, 0)) normalize_elements(up);
}

/* Since version 14 an attribute asks for training; what it means then is an operator of its own. Without it the statistics are no results. */
void upgrade_batch_training(Upgrade *up) {
  bool training = upgrade_int(up, "training_mode", 0) != 0;
  upgrade_remove(up, "training_mode");
  if (!training) return;
  upgrade_node(up)->domain = "x";
  upgrade_node(up)->op_type = "BatchNormalizationTraining";
  upgrade_node(up)->op = OP_BatchNormalizationTraining;
}

/* [groups] to [channels]: each element as often as a group has channels. */
static ValueId repeat_per_channel(Upgrade *up, ValueId parameter, ValueId size, ValueId groups) {
  NodeId shape = upgrade_emit(up, "Concat", 2, (ValueId[]){groups, size});
  node_set_int(up->module, shape, "axis", 0);
  ValueId column = upgrade_binary(up, "Unsqueeze", parameter, upgrade_vector(up, 1, (int64_t[]){1}));
  ValueId matrix = upgrade_binary(up, "Expand", column, upgrade_result(up, shape));
  return upgrade_binary(up, "Reshape", matrix, upgrade_vector(up, 1, (int64_t[]){-1}));
}

/* GroupNormalization-18 has a scale and a bias a group, the newer one a channel. */
void upgrade_group_normalization(Upgrade *up) {
  int64_t count = upgrade_int(up, "num_groups", 0);
  ValueId input = upgrade_input(up, 0);
  if (count < 1 || !input || !upgrade_input(up, 1) || !upgrade_input(up, 2)) {
    upgrade_refuse(up, NULL, "GroupNormalization has three operands and at least one group");
    return;
  }
  NodeId channels = upgrade_emit(up, "Shape", 1, &input);
  node_set_int(up->module, channels, "start", 1);
  node_set_int(up->module, channels, "end", 2);
  ValueId groups = upgrade_vector(up, 1, &count), size = upgrade_binary(up, "Div", upgrade_result(up, channels), groups);
  for (uint32_t i = 1; i <= 2; i++) upgrade_set_input(up, i, repeat_per_channel(up, upgrade_input(up, i), size, groups));
}

/* ---- Dropout ------------------------------------------------------------------------------------------------------------------------- */

/* True unless operand 2 (training_mode) is absent or constant false. */
static bool may_train(const Upgrade *up) {
  ValueId mode = upgrade_input(up, 2);
  int64_t count = 0;
  if (!mode) return false;
  bool known = value_is_constant(value_at(up->module, mode)) && value_static_elements(up->module, mode, &count) && count == 1;
  return !known || value_constant_i64(up->module, mode, 0) != 0;
}

/* In inference the data passes and nothing is masked: the mask is all ones, bool since version 10, before that of the data's type. */
void upgrade_dropout(Upgrade *up) {
  ValueId data = upgrade_input(up, 0), output = upgrade_output(up, 0), mask = upgrade_output(up, 1);
  if (!data || may_train(up)) return;
  if (mask) {
    uint8_t one = 1;
    ValueId constant = module_constant(up->module, 0, "", ELEMENT_BOOL, 1, (int64_t[]){1}, (Bytes){arena_copy(up->module->arena, &one, 1), 1});
    ValueId shape = upgrade_unary(up, "Shape", data);
    ValueId target = up->version >= 10 ? mask : VALUE_NONE;
    NodeId  ones = target ? upgrade_emit_into(up, "ConstantOfShape", 1, &shape, target) : upgrade_emit(up, "ConstantOfShape", 1, &shape);
    node_set_attribute(up->module, ones, (Attribute){.name = "value", .kind = ATTRIBUTE_TENSOR, .tensor = constant});
    if (!target) upgrade_emit_into(up, "CastLike", 2, (ValueId[]){upgrade_result(up, ones), data}, mask);
  }
  if (output) upgrade_emit_into(up, "Identity", 1, &data, output);
  upgrade_erase(up);
}

/* ---- Upsample and Resize --------------------------------------------------------------------------------------------------------------- */

static bool is_empty(const Upgrade *up, ValueId value) {
  int64_t count = 1;
  return value && value_is_constant(value_at(up->module, value)) && value_static_elements(up->module, value, &count) && count == 0;
}

/* Versions 11 to 19: an empty roi, scales or sizes is an absent one. tf_half_pixel_for_nn (version 11 only) with the nearest element below is
 * half_pixel with ties up: floor((x + 1/2) / s) = floor(((x + 1/2) / s - 1/2) + 1/2). */
void upgrade_resize_inputs(Upgrade *up) {
  for (uint32_t i = 1; i < 4; i++)
    if (is_empty(up, upgrade_input(up, i))) upgrade_set_input(up, i, VALUE_NONE);
  if (!upgrade_string_is(up, "coordinate_transformation_mode", "tf_half_pixel_for_nn")) return;
  if (!upgrade_string_is(up, "nearest_mode", "floor")) {
    upgrade_refuse(up, "export the model for opset 13 or newer", "Resize with tf_half_pixel_for_nn is supported with nearest_mode floor only");
    return;
  }
  node_set_string(up->module, up->node, "coordinate_transformation_mode", "half_pixel");
  node_set_string(up->module, up->node, "nearest_mode", "round_prefer_ceil");
}

static void set_asymmetric(Upgrade *up, NodeId node, const char *mode, const char *nearest_mode) {
  node_set_string(up->module, node, "mode", mode);
  node_set_string(up->module, node, "coordinate_transformation_mode", "asymmetric");
  node_set_string(up->module, node, "nearest_mode", nearest_mode);
}

/* Operands (data, scales) of versions up to 10 to (data, -, scales). */
static void move_scales(Upgrade *up, ValueId scales, const char *mode, const char *nearest_mode) {
  upgrade_rename(up, "Resize");
  upgrade_set_input(up, 1, VALUE_NONE);
  upgrade_set_input(up, 2, scales);
  set_asymmetric(up, up->node, mode, nearest_mode);
}

/* Nearest elements of Resize-10 are the ones below where the tensor grows, those above where it shrinks; one Resize can do only one. So a mixture
 * is two: first the axes that grow, then those that shrink. */
static void resize_nearest(Upgrade *up, ValueId scales) {
  double  grow[MAX_RANK], shrink[MAX_RANK];
  int64_t count = 0;
  bool    grows = false, shrinks = false;
  if (!value_is_constant(value_at(up->module, scales)) || !value_static_elements(up->module, scales, &count) || count > (int64_t)MAX_RANK) {
    upgrade_refuse(up, "export the model for opset 11 or newer", "Resize of opset 10 to the nearest element needs constant scales");
    return;
  }
  for (int64_t i = 0; i < count; i++) {
    double scale = value_constant_f64(up->module, scales, i);
    grow[i] = scale > 1 ? scale : 1;
    shrink[i] = scale < 1 ? scale : 1;
    grows |= scale > 1;
    shrinks |= scale < 1;
  }
  if (grows && shrinks) {
    ValueId data = upgrade_input(up, 0);
    NodeId  first = upgrade_emit(up, "Resize", 3, (ValueId[]){data, VALUE_NONE, upgrade_floats(up, (uint32_t)count, grow)});
    set_asymmetric(up, first, "nearest", "floor");
    upgrade_set_input(up, 0, upgrade_result(up, first));
    scales = upgrade_floats(up, (uint32_t)count, shrink);
  }
  move_scales(up, scales, "nearest", shrinks ? "ceil" : "floor");
}

void upgrade_resize(Upgrade *up) {
  ValueId scales = upgrade_input(up, 1);
  if (!scales) upgrade_refuse(up, NULL, "the operand scales is missing");
  else if (upgrade_string_is(up, "mode", "linear")) move_scales(up, scales, "linear", "floor");
  else resize_nearest(up, scales);
}

/* Upsample-1 has two scales of an image as attributes, -7 one a dimension, later ones have them as an operand. All scales are at least 1. */
void upgrade_upsample(Upgrade *up) {
  const Attribute *given = node_attribute(upgrade_node(up), "scales");
  ValueId scales = upgrade_input(up, 1);
  bool    linear = upgrade_string_is(up, "mode", "linear") || upgrade_string_is(up, "mode", "bilinear");
  if (up->version == 1) {
    double image[] = {1, 1, upgrade_float(up, "height_scale", 0), upgrade_float(up, "width_scale", 0)};
    scales = upgrade_floats(up, 4, image);
  } else if (up->version == 7 && given && given->kind == ATTRIBUTE_FLOATS) {
    scales = upgrade_floats(up, given->count, given->floats);
  }
  static const char *const attributes[] = {"scales", "height_scale", "width_scale"};
  for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++) upgrade_remove(up, attributes[i]);
  if (scales) move_scales(up, scales, linear ? "linear" : "nearest", "floor");
  else upgrade_refuse(up, NULL, "the scales are missing");
}
