/* Every operation on scalars (edges.h): compiled by gcc and clang as C and C++, with and without optimisation, and for several targets. */
#include "tests/emit/edges.h"

static const Way plain[] = {{"gcc -std=c99 -O0", ""}, {"clang -std=c99 -O0", ""}, {"g++ -x c++ -std=c++17 -O1", ""}};
static const Way fast[] = {{"gcc -std=gnu11 -O3", ""}, {"clang -std=gnu11 -O3", ""}};
static const Way careful[] = {{"gcc -std=gnu11 -O2 -fsanitize=undefined -fno-sanitize-recover=all", ""}};
static const Way aarch64_ways[] = {{"aarch64-linux-gnu-gcc -std=gnu11 -O2 -static", "qemu-aarch64"}};
static const Way arm_ways[] = {{"arm-none-eabi-gcc -std=gnu11 -O2 -marm --specs=rdimon.specs", "qemu-arm -cpu cortex-a15"}};

TEST(generic) { check_lanes(target_find("generic"), 1, WAYS(plain)); }
TEST(undefined_behaviour) { check_lanes(target_find("generic"), 1, WAYS(careful)); }
TEST(narrow_index) {
  Target narrow = *target_find("generic");
  narrow.index_bits = 32;
  check_lanes(&narrow, 1, WAYS(fast));
}
TEST(x86_64_v1) { check_lanes(target_find("x86-64-v1"), 1, WAYS(fast)); }
TEST(x86_64_v3) {
  if (strcmp(target_native()->name, "x86-64-v3") < 0) SKIP("this machine has no AVX2");
  check_lanes(target_find("x86-64-v3"), 1, WAYS(fast));
}
TEST(aarch64) {
  if (!is_here(aarch64_ways)) SKIP("no compiler or emulator");
  check_lanes(target_find("aarch64"), 1, WAYS(aarch64_ways));
}
TEST(armv7a_neon) {
  if (!is_here(arm_ways)) SKIP("no compiler or emulator");
  check_lanes(target_find("armv7a-neon"), 1, WAYS(arm_ways));
}

int main(void) {
  if (!harness_open()) return 1;
  RUN(generic);
  RUN(undefined_behaviour);
  RUN(narrow_index);
#if defined(__x86_64__)
  RUN(x86_64_v1);
  RUN(x86_64_v3);
#endif
  RUN(aarch64);
  RUN(armv7a_neon);
  harness_close();
  return check_done();
}
