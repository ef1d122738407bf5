#!/bin/sh
# Rules on the sources that no compiler checks; every breach is named with file and line.
#   include_order            rooms.txt: who may include whom; an #include names a file that exists
#   system_headers           protobuf-c only in compiler/onnx, LLVM only in codegen/emit, stdio nowhere in runtime-min's headers
#   operators_in_emitters    codegen/emit holds no operator's name outside comments
#   opsets_after_reader      no comparison of an opset outside compiler/onnx
#   printing_in_passes       no stdio in passes, schedules, lowering and operators
#   file_lengths             fewer than 800 lines; tables (.def, .oir) are exempt
#   line_widths              at most 150 columns; tables and test scripts are exempt
cd "$(dirname "$0")/../.." || exit 1
status=0

report() { # report NAME BREACHES
  if [ -z "$2" ]; then
    echo "ok $1"
    return
  fi
  status=1
  printf 'not ok %s - %s breaches, the first: %s\n' "$1" "$(printf '%s\n' "$2" | wc -l | tr -d ' ')" "$(printf '%s\n' "$2" | head -n 1)"
  printf '%s\n' "$2" | sed 's/^/# /'
}

files() { # files PLACE...: the C files below, those of tables too
  for place in "$@"; do
    if [ -e "$place" ]; then find "$place" -type f \( -name '*.[ch]' -o -name '*.def' \); fi
  done | sort
}

code() { # code PLACE...: their lines without comments, FILE:LINE:CODE
  files "$@" | xargs -r awk -f tests/sources/code.awk
}

include_breaches() { # FILE:LINE: what is wrong with it
  code compiler passes codegen targets runtime-min | awk -F: '
  FILENAME != "-" {
    if ($0 !~ /^#/ && NF >= 3) {
      gsub(/ /, "", $1); gsub(/^ +| +$/, "", $2); pattern = $2
      gsub(/\./, "\\.", pattern); gsub(/\*/, ".*", pattern)
      room[++rooms] = $1; files[rooms] = "^" pattern "$"; allowed[$1] = " " $3 " " $1 " "
    }
    next
  }
  function room_of(path,   i) {
    for (i = 1; i <= rooms; i++) if (path ~ files[i]) return room[i]
    return "?"
  }
  function exists(path,   line, result) {
    result = (getline line < path) >= 0
    close(path)
    return result
  }
  match($0, /:[ \t]*#[ \t]*include[ \t]*"[^"]*"/) {
    name = substr($0, RSTART, RLENGTH); gsub(/^[^"]*"|"$/, "", name)
    folder = $1; sub(/[^\/]*$/, "", folder)
    if (name ~ /\.pb-c\.h$/) path = "compiler/onnx/" name
    else if (name == "onnxcc_rt.h") path = "runtime-min/" name
    else if (exists(folder name)) path = folder name
    else if (exists(name)) path = name
    else { print $1 ":" $2 ": no file " name " in " folder " or the root"; next }
    from = room_of($1); to = room_of(path)
    if (from == "?") print $1 ": belongs to no room of tests/sources/rooms.txt"
    else if (allowed[from] !~ / all / && allowed[from] !~ (" " to " ")) print $1 ":" $2 ": room " from " may not include " path " of room " to
  }' tests/sources/rooms.txt -
}
report include_order "$(include_breaches)"

report system_headers "$(
  code compiler passes codegen targets | grep -E '#[ \t]*include[ \t]*<(protobuf-c/)' | grep -v '^compiler/onnx/'
  code compiler passes codegen targets | grep -E '#[ \t]*include[ \t]*<llvm' | grep -v '^codegen/emit/'
  code runtime-min | grep -E '^[^:]*\.h:[0-9]*:[ \t]*#[ \t]*include[ \t]*<' | grep -vE '<(stdint|stddef|stdbool|stdarg|limits|float)\.h>'
)"

operators=$(code compiler/ops | sed -n 's/^[^:]*\.def:[0-9]*:[ \t]*OP([A-Za-z0-9_]*, *"\([A-Z][A-Za-z0-9]*\)".*/\1/p' | sort -u)
if [ -z "$operators" ]; then
  status=1
  echo "not ok operators_in_emitters - no row OP(id, \"Name\", ...) found in compiler/ops/*.def"
else
  report operators_in_emitters "$(code codegen/emit | grep -wE "(OP_)?($(printf '%s' "$operators" | tr '\n' '|'))")"
fi

report opsets_after_reader "$(code compiler/graph compiler/loop compiler/ops passes codegen targets | sed 's/->/./g' |
  grep -E 'opset[A-Za-z0-9_.]*(\[[^]]*\])? *([<>]=?|[!=]=|\?)|([<>]=?|[!=]=) *[A-Za-z0-9_.]*opset|(if|switch|while) *\(.*opset')"

report printing_in_passes "$(code passes/graph passes/loop codegen/schedule codegen/lower.c compiler/ops |
  grep -wE 'printf|fprintf|dprintf|vfprintf|puts|fputs|fputc|putchar|fwrite|perror|stdout|stderr')"

sources() {
  find compiler passes codegen targets runtime-min tests samples -type f \( -name '*.[ch]' -o -name '*.sh' -o -name '*.py' -o -name '*.awk' \
    -o -name '*.cmake' -o -name CMakeLists.txt -o -name '*.proto' \) 2> /dev/null | sort
}
report file_lengths "$(sources | xargs wc -l | awk '$1 >= 800 && $2 != "total" { print $2 ": " $1 " lines" }')"
# shellcheck disable=SC2016 # $ is awk's
report line_widths "$(sources | grep -v "^tests/.*\.\(sh\|py\)$" | xargs awk 'length($0) > 150 { print FILENAME ":" FNR ": " length($0) " columns" }')"
exit $status
