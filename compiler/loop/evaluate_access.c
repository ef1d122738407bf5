/* Loads and stores of the interpreter, and the strips of bands they run in.
 *
 * Each index of an access is uniform + (part linear in the band's variables) + (vector of its own). Bounds are checked a dimension at a
 * time on the least and greatest value in the strip; only where that fails, or a vector takes part, lane by lane. The element offsets of
 * a strip are either linear in the lane, so that whole runs are copied, or a vector prepared once a strip.
 * Memory has a shadow byte each byte: 0 is uninitialised, so that reading what nobody wrote is a fault. */
#include "evaluate_machine.h"
#include <string.h>

/* Two's complement arithmetic that wraps. */
static inline int64_t wrap_add(int64_t a, int64_t b) { return (int64_t)((uint64_t)a + (uint64_t)b); }
static inline int64_t wrap_mul(int64_t a, int64_t b) { return (int64_t)((uint64_t)a * (uint64_t)b); }

/* ---- strips --------------------------------------------------------------------------------------------------------- */

void band_fill(Machine *machine, BandLoop *loops, uint32_t count, uint32_t which) {
  BandLoop *loop = &loops[which];
  if (loop->ready) return;
  loop->ready = true;
  int64_t inner = 1, phase = 0; /* iterations a value lasts; how many of them are over at lane 0 */
  for (uint32_t k = count; k-- > which + 1;) {
    phase += loops[k].digit * inner;
    inner *= loops[k].trips;
  }
  int64_t *values = (int64_t *)(machine->registers + loop->value);
  int64_t digit = loop->digit;
  for (uint32_t lane = 0; lane < machine->lanes; digit = digit + 1 == loop->trips ? 0 : digit + 1) {
    int64_t value = loop->first + digit * loop->step;
    for (; phase < inner && lane < machine->lanes; phase++) values[lane++] = value;
    phase = 0;
  }
}

/* Digits of the strip's first iteration, and the range of each variable in the strip. Returns the outermost loop that advances in it. */
static uint32_t strip_ranges(Band *band, uint32_t lanes) {
  int64_t first = band->position, last = first + lanes - 1;
  int64_t last_digit[BAND_LIMIT];
  for (uint32_t k = band->count; k-- > 0;) {
    BandLoop *loop = &band->loops[k];
    loop->digit = first % loop->trips, first /= loop->trips;
    last_digit[k] = last % loop->trips, last /= loop->trips;
    loop->ready = false;
  }
  uint32_t advances = band->count;
  for (uint32_t k = 0; k < band->count; k++) {
    BandLoop *loop = &band->loops[k];
    int64_t low = loop->digit, high = last_digit[k];
    if (advances < band->count) low = 0, high = loop->trips - 1;
    else if (low != high) advances = k;
    loop->low = loop->first + low * loop->step;
    loop->high = loop->first + high * loop->step;
  }
  return advances;
}

/* Linear in the lane if each loop that advances in the strip goes on where the next inner one ends. */
static void strip_offset(Machine *machine, Band *band, LaneOffset *offset, uint32_t advances) {
  offset->linear = true;
  offset->start = offset->stride = 0;
  int64_t reach = 0; /* elements to the next value of the loop outside, were it linear */
  bool any = false;
  for (uint32_t k = band->count; k-- > 0;) {
    const BandLoop *loop = &band->loops[k];
    int64_t stride = wrap_mul(offset->coefficient[k], loop->step);
    offset->start = wrap_add(offset->start, wrap_mul(offset->coefficient[k], loop->first + loop->digit * loop->step));
    if (k < advances || loop->trips == 1) continue;
    if (!any) offset->stride = stride;
    else if (stride != reach) offset->linear = false;
    any = true;
    reach = wrap_mul(stride, loop->trips);
  }
  if (offset->linear) return;
  int64_t *to = (int64_t *)(machine->registers + offset->vector);
  memset(to, 0, machine->lanes * sizeof *to);
  for (uint32_t k = 0; k < band->count; k++) {
    int64_t coefficient = offset->coefficient[k];
    if (coefficient == 0) continue;
    band_fill(machine, band->loops, band->count, k);
    const int64_t *values = (const int64_t *)(machine->registers + band->loops[k].value);
    for (uint32_t l = 0; l < machine->lanes; l++) to[l] = wrap_add(to[l], wrap_mul(coefficient, values[l]));
  }
}

void band_strip(Machine *machine, Band *band) {
  int64_t left = band->total - band->position;
  machine->lanes = left < LANE_CAPACITY ? (uint32_t)left : LANE_CAPACITY;
  uint32_t advances = strip_ranges(band, machine->lanes);
  for (uint32_t k = 0; k < band->count; k++)
    if (band->loops[k].wanted) band_fill(machine, band->loops, band->count, k);
  LaneOffset *offsets = &machine->variant->offsets.data[band->offset];
  for (uint32_t k = 0; k < band->offset_count; k++) strip_offset(machine, band, &offsets[k], advances);
}

/* ---- where an access goes ------------------------------------------------------------------------------------------- */

/* Element offset of lane l: base + (offsets ? offsets[l] : l * stride). */
typedef struct Location { int64_t base, stride; const int64_t *offsets; } Location;

static int64_t subscript_uniform(const Machine *machine, const Subscript *subscript) {
  int64_t value = subscript->constant;
  const UniformTerm *terms = &machine->variant->terms.data[subscript->uniform];
  for (uint32_t k = 0; k < subscript->uniform_count; k++)
    value = wrap_add(value, wrap_mul(terms[k].coefficient, *(const int64_t *)(machine->registers + terms[k].at)));
  return value;
}

/* The index's value in every lane. */
static void subscript_lanes(Machine *machine, const ElementAccess *access, const Subscript *subscript, int64_t uniform, uint32_t lanes,
                            int64_t *to) {
  if (subscript->vector) {
    const int64_t *vector = (const int64_t *)(machine->registers + subscript->vector);
    for (uint32_t l = 0; l < lanes; l++) to[l] = wrap_add(vector[l], uniform);
  } else {
    for (uint32_t l = 0; l < lanes; l++) to[l] = uniform;
  }
  if (!subscript->varies) return;
  Band *band = &machine->variant->bands.data[access->band - 1];
  for (uint32_t k = 0; k < band->count; k++) {
    int64_t coefficient = subscript->band[k];
    if (coefficient == 0) continue;
    band_fill(machine, band->loops, band->count, k);
    const int64_t *values = (const int64_t *)(machine->registers + band->loops[k].value);
    for (uint32_t l = 0; l < lanes; l++) to[l] = wrap_add(to[l], wrap_mul(coefficient, values[l]));
  }
}

/* A fault at one lane: `what` says what is wrong with the element. */
static bool access_fault(Machine *machine, const ElementAccess *access, uint32_t lane, const char *what) {
  const View *view = &machine->views[access->operand];
  Text text;
  text_open(&text, machine->arena);
  for (uint32_t d = 0; d < access->rank; d++) {
    const Subscript *subscript = &machine->variant->subscripts.data[access->subscript + d];
    int64_t values[LANE_CAPACITY];
    subscript_lanes(machine, access, subscript, subscript_uniform(machine, subscript), lane + 1, values);
    text_format(&text, "%s%lld", d ? ", " : "", (long long)values[lane]);
  }
  text_string(&text, "] of [");
  for (uint32_t d = 0; d < view->rank; d++) text_format(&text, "%s%lld", d ? ", " : "", (long long)view->dims[d]);
  return machine_fault(machine, "%s: %s[%s] %s", machine->code->name, view->name, text_finish(&text), what);
}

static const char out_of_bounds[] = "is out of bounds";
static const char uninitialised[] = "is read before anything is written there";

/* Checks one index lane by lane; `values` keeps them. */
static bool check_lanes(Machine *machine, const ElementAccess *access, const Subscript *subscript, int64_t uniform, int64_t dim,
                        const uint8_t *mask, uint32_t lanes, int64_t *values) {
  subscript_lanes(machine, access, subscript, uniform, lanes, values);
  unsigned outside = 0;
  if (mask) for (uint32_t l = 0; l < lanes; l++) outside |= mask[l] & ((uint64_t)values[l] >= (uint64_t)dim);
  else for (uint32_t l = 0; l < lanes; l++) outside |= (uint64_t)values[l] >= (uint64_t)dim;
  if (!outside) return true;
  for (uint32_t l = 0; l < lanes; l++)
    if ((!mask || mask[l]) && (uint64_t)values[l] >= (uint64_t)dim) return access_fault(machine, access, l, out_of_bounds);
  return true;
}

/* Whether the index's extremes over the strip lie in the dimension. False is no proof of the contrary. */
static bool range_inside(const Machine *machine, const ElementAccess *access, const Subscript *subscript, int64_t uniform, int64_t dim) {
  int64_t low = uniform, high = uniform;
  if (subscript->varies) {
    const Band *band = &machine->variant->bands.data[access->band - 1];
    for (uint32_t k = 0; k < band->count; k++) {
      int64_t coefficient = subscript->band[k], down, up;
      if (coefficient == 0) continue;
      const BandLoop *loop = &band->loops[k];
      if (__builtin_mul_overflow(coefficient, coefficient > 0 ? loop->low : loop->high, &down)) return false;
      if (__builtin_mul_overflow(coefficient, coefficient > 0 ? loop->high : loop->low, &up)) return false;
      if (__builtin_add_overflow(low, down, &low) || __builtin_add_overflow(high, up, &high)) return false;
    }
  }
  return low >= 0 && high < dim;
}

static bool access_place(Machine *machine, const ElementAccess *access, const uint8_t *mask, uint32_t lanes, Location *place) {
  const View *view = &machine->views[access->operand];
  const Subscript *subscripts = &machine->variant->subscripts.data[access->subscript];
  *place = (Location){0};
  if (access->offset) {
    const LaneOffset *offset = &machine->variant->offsets.data[access->offset - 1];
    if (offset->linear) place->base = offset->start, place->stride = offset->stride;
    else place->offsets = (const int64_t *)(machine->registers + offset->vector);
  }
  if (access->gathers) {
    for (uint32_t l = 0; l < lanes; l++)
      machine->scratch[1][l] = place->offsets ? place->offsets[l] : wrap_mul(place->stride, l);
    place->offsets = machine->scratch[1];
  }
  for (uint32_t d = 0; d < access->rank; d++) {
    const Subscript *subscript = &subscripts[d];
    int64_t uniform = subscript_uniform(machine, subscript), stride = view->strides[d];
    if (subscript->vector) {
      if (!check_lanes(machine, access, subscript, uniform, view->dims[d], mask, lanes, machine->scratch[0])) return false;
      const int64_t *vector = (const int64_t *)(machine->registers + subscript->vector);
      for (uint32_t l = 0; l < lanes; l++)
        machine->scratch[1][l] = wrap_add(machine->scratch[1][l], wrap_mul(stride, vector[l]));
    } else if (!range_inside(machine, access, subscript, uniform, view->dims[d])) {
      if (!check_lanes(machine, access, subscript, uniform, view->dims[d], mask, lanes, machine->scratch[0])) return false;
    }
    place->base = wrap_add(place->base, wrap_mul(uniform, stride));
  }
  if (mask && !place->offsets) { /* masked accesses go lane by lane */
    for (uint32_t l = 0; l < lanes; l++) machine->scratch[1][l] = wrap_mul(place->stride, l);
    place->offsets = machine->scratch[1];
  }
  return true;
}

static inline int64_t place_element(const Location *place, uint32_t lane) {
  return place->base + (place->offsets ? place->offsets[lane] : place->stride * (int64_t)lane);
}

/* ---- shadows -------------------------------------------------------------------------------------------------------- */

static inline bool shadow_good(const View *view, uint8_t found) { return view->wanted ? found == view->wanted : found != 0; }

static bool check_shadow(Machine *machine, const ElementAccess *access, const Location *place, const uint8_t *mask, uint32_t lanes) {
  const View *view = &machine->views[access->operand];
  if (!mask && !place->offsets && place->stride == 1 && view->wanted == 0) {
    if (!memchr(view->shadow + place->base * access->bytes, 0, (size_t)lanes * access->bytes)) return true;
  }
  for (uint32_t l = 0; l < lanes; l++) {
    if (mask && !mask[l]) continue;
    if (!shadow_good(view, view->shadow[place_element(place, l) * access->bytes])) return access_fault(machine, access, l, uninitialised);
  }
  return true;
}

static void put_shadow(const View *view, const ElementAccess *access, const Location *place, const uint8_t *mask, uint32_t lanes) {
  if (!place->offsets && place->stride == 1) {
    memset(view->shadow + place->base * access->bytes, view->put, (size_t)lanes * access->bytes);
    return;
  }
  for (uint32_t l = 0; l < lanes; l++)
    if (!mask || mask[l]) memset(view->shadow + place_element(place, l) * access->bytes, view->put, access->bytes);
}

/* ---- moving the elements -------------------------------------------------------------------------------------------- */

/* Elements wherever they lie: weights are read where the model's file has them. */
typedef uint8_t Element8;
typedef uint16_t Element16 __attribute__((aligned(1), may_alias));
typedef uint32_t Element32 __attribute__((aligned(1), may_alias));
typedef uint64_t Element64 __attribute__((aligned(1), may_alias));

/* Lanes whose mask is 0 load 0 and store nothing. */
#define MOVE_ELEMENTS(width, Type) \
  static void load_##width(Type *to, const uint8_t *data, const Location *place, const uint8_t *mask, uint32_t lanes) { \
    const Element##width *from = (const Element##width *)data + place->base; \
    const int64_t *offsets = place->offsets; \
    if (mask) for (uint32_t l = 0; l < lanes; l++) to[l] = mask[l] ? from[offsets[l]] : 0; \
    else if (offsets) for (uint32_t l = 0; l < lanes; l++) to[l] = from[offsets[l]]; \
    else if (place->stride == 1) memcpy(to, from, lanes * sizeof *to); \
    else for (uint32_t l = 0; l < lanes; l++) to[l] = from[place->stride * (int64_t)l]; \
  } \
  static void store_##width(uint8_t *data, const Type *from, const Location *place, const uint8_t *mask, uint32_t lanes) { \
    Element##width *to = (Element##width *)data + place->base; \
    const int64_t *offsets = place->offsets; \
    if (mask) { for (uint32_t l = 0; l < lanes; l++) if (mask[l]) to[offsets[l]] = from[l]; } \
    else if (offsets) for (uint32_t l = 0; l < lanes; l++) to[offsets[l]] = from[l]; \
    else if (place->stride == 1) memcpy(to, from, lanes * sizeof *to); \
    else for (uint32_t l = 0; l < lanes; l++) to[place->stride * (int64_t)l] = from[l]; \
  }
MOVE_ELEMENTS(8, uint8_t)
MOVE_ELEMENTS(16, uint16_t)
MOVE_ELEMENTS(32, uint32_t)
MOVE_ELEMENTS(64, uint64_t)

/* One lane, no mask: the common case of code without bands. */
static bool scalar_offset(Machine *machine, const ElementAccess *access, const View *view, int64_t *offset) {
  const Subscript *subscript = &machine->variant->subscripts.data[access->subscript];
  *offset = 0;
  for (uint32_t d = 0; d < access->rank; d++, subscript++) {
    int64_t index = subscript_uniform(machine, subscript);
    if ((uint64_t)index >= (uint64_t)view->dims[d]) return access_fault(machine, access, 0, out_of_bounds);
    *offset += index * view->strides[d];
  }
  return true;
}

/* Lanes along the last dimension from the place of the first: the first `lanes` of them take part. */
static bool contiguous_place(Machine *machine, const ElementAccess *access, uint32_t lanes, Location *place) {
  const View *view = &machine->views[access->operand];
  const Subscript *subscript = &machine->variant->subscripts.data[access->subscript];
  *place = (Location){.stride = view->strides[access->rank - 1]};
  for (uint32_t d = 0; d < access->rank && lanes > 0; d++, subscript++) {
    int64_t index = subscript_uniform(machine, subscript), beyond = d + 1 == access->rank ? lanes : 1;
    if (index < 0 || index > view->dims[d] - beyond) return access_fault(machine, access, 0, out_of_bounds);
    place->base += index * view->strides[d];
  }
  return true;
}

/* The lanes that take part in a vector access. */
static uint32_t active_lanes(const Machine *machine, const Instruction *instruction) {
  if (!instruction->partial) return instruction->lanes;
  int64_t active = *(const int64_t *)(machine->registers + instruction->active);
  return active < 0 ? 0 : active < instruction->lanes ? (uint32_t)active : instruction->lanes;
}

/* Which lanes of a wide access take part, and where they are. */
typedef struct WideAccess { Location place; const uint8_t *mask; uint32_t lanes; uint8_t active[LANE_CAPACITY]; } WideAccess;

static bool wide_access(Machine *machine, const Instruction *instruction, const ElementAccess *access, WideAccess *wide) {
  wide->mask = instruction->mask ? machine->registers + instruction->mask : NULL;
  wide->lanes = instruction->lanes ? active_lanes(machine, instruction) : machine->lanes;
  if (access->contiguous) return contiguous_place(machine, access, wide->lanes, &wide->place);
  if (instruction->partial) {
    for (uint32_t l = 0; l < instruction->lanes; l++) wide->active[l] = l < wide->lanes;
    wide->mask = wide->active;
    wide->lanes = instruction->lanes;
  }
  return access_place(machine, access, wide->mask, wide->lanes, &wide->place);
}

bool access_load(Machine *machine, const Instruction *instruction) {
  const ElementAccess *access = &machine->variant->accesses.data[instruction->target];
  if (machine->refresh && !machine->refresh(machine, access->operand)) return false;
  const View *view = &machine->views[access->operand];
  void *to = machine->registers + instruction->to;
  if (!instruction->wide) {
    int64_t offset;
    if (!scalar_offset(machine, access, view, &offset)) return false;
    if (view->shadow && !shadow_good(view, view->shadow[offset * access->bytes])) return access_fault(machine, access, 0, uninitialised);
    memcpy(to, view->data + offset * access->bytes, access->bytes);
    return true;
  }
  WideAccess wide;
  if (!wide_access(machine, instruction, access, &wide)) return false;
  if (view->shadow && !check_shadow(machine, access, &wide.place, wide.mask, wide.lanes)) return false;
  switch (access->bytes) {
    case 1: load_8(to, view->data, &wide.place, wide.mask, wide.lanes); break;
    case 2: load_16(to, view->data, &wide.place, wide.mask, wide.lanes); break;
    case 4: load_32(to, view->data, &wide.place, wide.mask, wide.lanes); break;
    default: load_64(to, view->data, &wide.place, wide.mask, wide.lanes);
  }
  if (instruction->lanes > wide.lanes) /* the rest is zero */
    memset((uint8_t *)to + wide.lanes * access->bytes, 0, (instruction->lanes - wide.lanes) * access->bytes);
  return true;
}

bool access_store(Machine *machine, const Instruction *instruction) {
  const ElementAccess *access = &machine->variant->accesses.data[instruction->target];
  if (machine->refresh && !machine->refresh(machine, access->operand)) return false;
  const View *view = &machine->views[access->operand];
  const void *from = machine->registers + instruction->a;
  if (!instruction->wide) {
    int64_t offset;
    if (!scalar_offset(machine, access, view, &offset)) return false;
    memcpy(view->data + offset * access->bytes, from, access->bytes);
    memset(view->shadow + offset * access->bytes, view->put, access->bytes);
    return true;
  }
  WideAccess wide;
  if (!wide_access(machine, instruction, access, &wide)) return false;
  switch (access->bytes) {
    case 1: store_8(view->data, from, &wide.place, wide.mask, wide.lanes); break;
    case 2: store_16(view->data, from, &wide.place, wide.mask, wide.lanes); break;
    case 4: store_32(view->data, from, &wide.place, wide.mask, wide.lanes); break;
    default: store_64(view->data, from, &wide.place, wide.mask, wide.lanes);
  }
  put_shadow(view, access, &wide.place, wide.mask, wide.lanes);
  return true;
}
