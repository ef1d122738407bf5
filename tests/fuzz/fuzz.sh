#!/bin/sh
# Compiles mutations of the official node tests and of the digits sample, under ASan and UBSan; see fuzz.c:
#
#     sh tests/fuzz/fuzz.sh [--seed S] [--count N] ...
set -e
cd "$(dirname "$0")/../.."
list=build/fuzz_models
find build/venv/lib/python3*/site-packages/onnx/backend/test/data/node -name model.onnx | LC_ALL=C sort > "$list"
exec sh tests/sanitized.sh fuzz/fuzz "$@" "@$list" samples/digits/digits.onnx
