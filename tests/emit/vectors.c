/* Every operation on vectors (all_operations.h): the same programs with several lanes at a time, as wide as the machine's vectors, narrower and wider.
 * `vectors TEST` runs one test; x86_64_v3_64, which takes minutes, only so. */
#include "tests/emit/all_operations.h"

static const Way fast[] = {{"gcc -std=c99 -O2", ""}, {"clang -std=c99 -O2", ""}};
static const Way plain[] = {{"gcc -std=c99 -O0", ""}, {"clang -std=c99 -O0", ""}, {"g++ -x c++ -std=c++17 -O1", ""}};
static const Way aarch64_ways[] = {{"aarch64-linux-gnu-gcc -std=c99 -O2 -static", "qemu-aarch64"}};
static const Way arm_ways[] = {{"arm-none-eabi-gcc -std=c99 -O2 -marm --specs=rdimon.specs", "qemu-arm -cpu cortex-a15"}};
static const Way riscv_ways[] = {{"riscv64-linux-gnu-gcc -std=c99 -O2 -static", "qemu-riscv64"}};

/* The rows of this machine are in the order of what they have. */
static void check_here(const char *target, uint16_t lanes) {
  if (strcmp(target_native()->name, target) < 0) SKIP("this machine has no such vectors");
  check_lanes(target_find(target), lanes, WAYS(fast));
}

TEST(generic_2) { check_lanes(target_find("generic"), 2, WAYS(plain)); }
TEST(x86_64_v1_4) { check_here("x86-64-v1", 4); }
TEST(x86_64_v3_8) { check_here("x86-64-v3", 8); }
TEST(x86_64_v3_16) { check_here("x86-64-v3", 16); }
TEST(x86_64_v3_64) { check_here("x86-64-v3", 64); }
TEST(x86_64_v4_16) { check_here("x86-64-v4", 16); }
TEST(aarch64_4) {
  if (!is_here(aarch64_ways)) SKIP("no compiler or emulator");
  check_lanes(target_find("aarch64"), 4, WAYS(aarch64_ways));
}
TEST(armv7a_neon_4) {
  if (!is_here(arm_ways)) SKIP("no compiler or emulator");
  check_lanes(target_find("armv7a-neon"), 4, WAYS(arm_ways));
}
TEST(rv64gc_4) {
  if (!is_here(riscv_ways)) SKIP("no compiler or emulator");
  check_lanes(target_find("rv64gc"), 4, WAYS(riscv_ways));
}

int main(int count, char **words) {
  if (!harness_open()) return 1;
#define RUN_IF(name) \
  if (count < 2 || strcmp(words[1], #name) == 0) RUN(name)
  RUN_IF(generic_2);
#if defined(__x86_64__)
  RUN_IF(x86_64_v1_4);
  RUN_IF(x86_64_v3_8);
  RUN_IF(x86_64_v3_16);
  if (count > 1) RUN_IF(x86_64_v3_64);
  RUN_IF(x86_64_v4_16);
#endif
  RUN_IF(aarch64_4);
  RUN_IF(armv7a_neon_4);
  RUN_IF(rv64gc_4);
  harness_close();
  return check_done();
}
