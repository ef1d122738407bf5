# shellcheck shell=sh
# Functions for POSIX sh that samples/quickstart.sh and tests/run.sh share: say what is missing and install it on Debian and Ubuntu.
#
#     need "$(which_missing ninja=ninja-build protobuf-c/protobuf-c.h=libprotobuf-c-dev)"
#
# A thing is a command, or, if its name ends in .h, a header that the C compiler finds; behind = stands the package that has it.

# The C compiler: $CC, else the first of cc, gcc, clang there is; gcc if none is.
c_compiler() {
  for compiler in ${CC:+"$CC"} cc gcc clang; do
    if command -v "$compiler" > /dev/null 2>&1; then
      echo "$compiler"
      return
    fi
  done
  echo gcc
}

has() { # has THING
  case $1 in
  *.h) echo "#include <$1>" | $(c_compiler) -E - > /dev/null 2>&1 ;;
  *) command -v "$1" > /dev/null 2>&1 ;;
  esac
}

which_missing() { # which_missing THING=PACKAGE...: the packages of the things that are not there, each once
  for pair in "$@"; do
    has "${pair%%=*}" || echo "${pair#*=}"
  done | sort -u | tr '\n' ' '
}

need() { # need "PACKAGE...": install them, or say which are missing and fail; nothing to do if empty
  missing=$1
  if [ -z "${missing%% }" ]; then return 0; fi
  if ! command -v apt-get > /dev/null 2>&1; then
    echo "Missing: $missing(names of Debian packages). Please install them, or what your system calls them, and run this again." >&2
    return 1
  fi
  as_root=
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo > /dev/null 2>&1; then
      echo "Missing: $missing- and this is neither root nor is sudo there. As root: apt-get install $missing" >&2
      return 1
    fi
    as_root=sudo
  fi
  echo "  installing with ${as_root:+sudo }apt-get: $missing"
  said=$(mktemp) || return 1
  # shellcheck disable=SC2086 # words on purpose
  if ! { $as_root apt-get -qq update && $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $missing; } \
    > "$said" 2>&1; then
    tail -n 15 "$said" >&2
    rm -f "$said"
    echo "apt-get failed; its last lines stand above. Install by hand, then run this again: $missing" >&2
    return 1
  fi
  rm -f "$said"
}

# LLVM 18 or newer, as codegen/emit/CMakeLists.txt looks for it.
has_llvm() {
  for config in llvm-config-19 llvm-config-20 llvm-config-18 llvm-config; do
    version=$("$config" --version 2> /dev/null) && [ "${version%%.*}" -ge 18 ] && return 0
  done
  return 1
}

# What building onnxcc needs; ninja is taken where it is, else make does.
build_packages() {
  maker="ninja=ninja-build"
  if ! has ninja && has make; then maker=make=make; fi
  which_missing "$(c_compiler)=gcc" stdio.h=libc6-dev cmake=cmake $maker protoc-c=protobuf-c-compiler protobuf-c/protobuf-c.h=libprotobuf-c-dev
  has_llvm || echo "llvm-19-dev "
}

# configure_and_build ROOT LOG: onnxcc in ROOT/build; the end of the log is shown if it fails.
configure_and_build() {
  generator=
  if [ ! -f "$1/build/CMakeCache.txt" ] && has ninja; then generator="-GNinja"; fi
  mkdir -p "$1/build"
  if cmake -S "$1" -B "$1/build" $generator > "$2" 2>&1 && cmake --build "$1/build" --parallel >> "$2" 2>&1; then return 0; fi
  tail -n 25 "$2" >&2
  echo "The build failed; its last lines stand above, all of it in $2." >&2
  return 1
}
