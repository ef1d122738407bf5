/* Old versions that say the same thing in another form: attributes that became operands, defaults that changed, numbers that were text, the
 * broadcasting of opset 6 and before. */
#include "compiler/onnx/upgrade.h"
#include <string.h>

/* In-place hints of opset 5 and before. */
void upgrade_consumed(Upgrade *up) { upgrade_remove(up, "consumed_inputs"); }

/* Selu-1 had its constants rounded. */
void upgrade_selu(Upgrade *up) {
  upgrade_consumed(up);
  double alpha = upgrade_float(up, "alpha", (double)1.6732f), gamma = upgrade_float(up, "gamma", (double)1.0507f);
  node_set_float(up->module, up->node, "alpha", alpha);
  node_set_float(up->module, up->node, "gamma", gamma);
}

/* ---- broadcasting before opset 7 ---------------------------------------------------------------------------------------------- */

/* broadcast=1 stretches operand 1 only; with `axis` its first axis meets that one of operand 0, without it the last axes meet, as now. */
void upgrade_broadcast(Upgrade *up) {
  upgrade_consumed(up);
  bool axis_given = node_attribute(upgrade_node(up), "axis") != NULL;
  if (upgrade_int(up, "broadcast", 0) && axis_given && upgrade_input(up, 0) && upgrade_input(up, 1))
    upgrade_set_input(up, 1, upgrade_align(up, upgrade_input(up, 1), upgrade_input(up, 0), upgrade_int(up, "axis", 0)));
  upgrade_remove(up, "broadcast");
  upgrade_remove(up, "axis");
}

void upgrade_gemm(Upgrade *up) { upgrade_remove(up, "broadcast"); }

/* A slope of one axis was a slope a channel. */
void upgrade_prelu(Upgrade *up) {
  upgrade_consumed(up);
  ValueId slope = upgrade_input(up, 1);
  int64_t count = 0;
  if (!slope || upgrade_rank(up, slope) != 1) return;
  if (value_static_elements(up->module, slope, &count) && count == 1) return;
  upgrade_set_input(up, 1, upgrade_align(up, slope, upgrade_input(up, 0), 1));
}

/* ---- attributes that became operands ------------------------------------------------------------------------------------------- */

/* Reductions, Squeeze and Unsqueeze: `axes` is operand 1; an absent list stays absent. */
void upgrade_axes(Upgrade *up) {
  const Attribute *axes = upgrade_ints(up, "axes");
  if (axes && !axes->count && strcmp(upgrade_node(up)->op_type, "Unsqueeze")) upgrade_remove(up, "axes");
  upgrade_ints_to_input(up, "axes", 1);
}

void upgrade_reshape(Upgrade *up) {
  upgrade_consumed(up);
  if (!upgrade_ints_to_input(up, "shape", 1)) upgrade_refuse(up, NULL, "the attribute shape is missing");
}

void upgrade_slice(Upgrade *up) {
  if (!upgrade_ints_to_input(up, "starts", 1) || !upgrade_ints_to_input(up, "ends", 2))
    upgrade_refuse(up, NULL, "the attribute starts or ends is missing");
  upgrade_ints_to_input(up, "axes", 3);
}

void upgrade_topk(Upgrade *up) {
  if (!node_attribute(upgrade_node(up), "k")) upgrade_refuse(up, NULL, "the attribute k is missing");
  upgrade_set_input(up, 1, upgrade_vector(up, 1, (int64_t[]){upgrade_int(up, "k", 1)}));
  upgrade_remove(up, "k");
}

/* Clip-1 and -6: an absent bound is none. (Clip-6 gives it the largest float as default, which differs for infinities alone.) */
void upgrade_clip(Upgrade *up) {
  static const char *const names[] = {"min", "max"};
  upgrade_consumed(up);
  for (uint32_t i = 0; i < 2; i++) {
    if (!node_attribute(upgrade_node(up), names[i])) continue;
    upgrade_set_input(up, i + 1, upgrade_number(up, upgrade_float(up, names[i], 0), upgrade_input(up, 0)));
    upgrade_remove(up, names[i]);
  }
}

void upgrade_pad(Upgrade *up) {
  if (!upgrade_ints_to_input(up, up->version == 1 ? "paddings" : "pads", 1)) upgrade_refuse(up, NULL, "the attribute pads is missing");
  double value = upgrade_float(up, "value", 0);
  upgrade_remove(up, "value");
  if (value != 0) upgrade_set_input(up, 2, upgrade_number(up, value, upgrade_input(up, 0)));
}

/* The sizes were an operand in version 1, an attribute up to 11, and are an operand again; equal parts must be asked for since 18. */
void upgrade_split(Upgrade *up) {
  upgrade_ints_to_input(up, "split", 1);
  if (!upgrade_input(up, 1)) node_set_int(up->module, up->node, "num_outputs", upgrade_node(up)->output_count);
}

/* Tile-1 repeats along one axis: operands input, tiles, axis. */
void upgrade_tile(Upgrade *up) {
  ValueId tiles = upgrade_input(up, 1), axis = upgrade_input(up, 2);
  int     rank = upgrade_rank(up, upgrade_input(up, 0));
  int64_t count = 0, repeats[MAX_RANK], position = 0;
  bool    known = rank > 0 && tiles && axis && value_is_constant(value_at(up->module, tiles)) && value_is_constant(value_at(up->module, axis)) &&
               value_static_elements(up->module, tiles, &count) && count == 1 && value_static_elements(up->module, axis, &count) && count == 1;
  if (known) position = value_constant_i64(up->module, axis, 0);
  if (!known || position < 0 || position >= rank) {
    upgrade_refuse(up, "export the model for opset 6 or newer", "Tile of opset 1 is read with constant operands and known rank only");
    return;
  }
  for (int i = 0; i < rank; i++) repeats[i] = 1;
  repeats[position] = value_constant_i64(up->module, tiles, 0);
  upgrade_set_input(up, 2, VALUE_NONE);
  upgrade_set_input(up, 1, upgrade_vector(up, (uint32_t)rank, repeats));
}

/* DFT-17: the axis was an attribute, and 1 by default. */
void upgrade_dft(Upgrade *up) {
  upgrade_set_input(up, 2, upgrade_scalar(up, upgrade_int(up, "axis", 1)));
  upgrade_remove(up, "axis");
}

/* ---- defaults and spellings ------------------------------------------------------------------------------------------------------ */

void upgrade_concat(Upgrade *up) {
  if (!node_attribute(upgrade_node(up), "axis")) node_set_int(up->module, up->node, "axis", 1);
}

/* Cast-1 names the type: "FLOAT" and so on, as TensorProto.DataType does. */
void upgrade_cast(Upgrade *up) {
  const Attribute *to = node_attribute(upgrade_node(up), "to");
  if (!to || to->kind != ATTRIBUTE_STRING) return;
  const ProtobufCEnumValue *type =
      protobuf_c_enum_descriptor_get_value_by_name(&onnx__tensor_proto__data_type__descriptor, (const char *)to->string.data);
  if (type) node_set_int(up->module, up->node, "to", type->value);
  else upgrade_refuse(up, NULL, "the attribute to names no element type");
}

/* The norm p was a float. */
void upgrade_lp_pool(Upgrade *up) {
  int64_t p = upgrade_int(up, "p", 2);
  node_set_int(up->module, up->node, "p", p);
}

/* output_sequence asked for the first result, which is now there when it is named. GRU-1 misspells its default direction. */
void upgrade_recurrent(Upgrade *up) {
  upgrade_remove(up, "output_sequence");
  if (upgrade_string_is(up, "direction", "foward")) upgrade_remove(up, "direction");
}

void upgrade_grid_sample(Upgrade *up) {
  if (upgrade_string_is(up, "mode", "bilinear")) node_set_string(up->module, up->node, "mode", "linear");
  if (upgrade_string_is(up, "mode", "bicubic")) node_set_string(up->module, up->node, "mode", "cubic");
}

void upgrade_roi_align(Upgrade *up) { node_set_string(up->module, up->node, "coordinate_transformation_mode", "output_half_pixel"); }

void upgrade_scatter(Upgrade *up) { upgrade_rename(up, "ScatterElements"); }

void upgrade_scan(Upgrade *up) {
  upgrade_refuse(up, "export the model for opset 9 or newer", "Scan of opset 8 (with sequence lengths and a batch axis) is not supported");
}
