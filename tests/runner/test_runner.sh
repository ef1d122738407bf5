#!/bin/sh
# The runner on suites made for it: it must count, and call failed what failed, crashed or said nothing.
place=$(mktemp -d) || exit 1
trap 'rm -rf "$place"' EXIT
status=0

suite() { # suite LINE...: the shell commands of the only suite
  printf '%s\n' "$@" > "$place/suite.sh"
  echo "made | quick | ${needs:--} | sh $place/suite.sh" > "$place/suites.txt"
}

expect() { # expect NAME STATUS "LAST LINE" ARGUMENT...: what the runner must end with
  name=$1 wanted_status=$2 wanted_line=$3
  shift 3
  ONNXCC_SUITES=$place/suites.txt sh tests/run.sh "$@" > "$place/output" 2>&1
  got_status=$?
  got_line=$(tail -n 1 "$place/output")
  if [ "$got_status" -eq "$wanted_status" ] && [ "$got_line" = "$wanted_line" ]; then
    echo "ok $name"
  else
    echo "not ok $name - status $got_status, last line \"$got_line\""
    status=1
  fi
}

suite 'echo ok a' 'echo "skip b - why"' 'echo remark'
expect all_well 0 "1 passed, 0 failed, 1 skipped"
expect chosen_by_name 0 "1 passed, 0 failed, 1 skipped" made
expect unknown_name 2 "tests/run.sh: no suite is called nothing; sh tests/run.sh -l lists them" nothing
suite 'echo ok a' 'echo "not ok b - 5 % off"' 'exit 1'
expect failure_counts 1 "1 passed, 1 failed, 0 skipped"
if grep -q '^  made: b - 5 % off$' "$place/output"; then
  echo "ok failure_is_repeated"
else
  echo "not ok failure_is_repeated - not in the list at the end"
  status=1
fi
suite 'echo ok a' 'exit 3'
expect crash_after_a_pass_fails 1 "1 passed, 1 failed, 0 skipped"
suite 'kill -SEGV $$'
expect crash_fails 1 "0 passed, 1 failed, 0 skipped"
suite 'echo "okay, nothing to say"'
expect silence_fails 1 "0 passed, 1 failed, 0 skipped"
suite 'echo "skip a - why"'
expect nothing_ran_fails 1 "0 passed, 0 failed, 1 skipped"
needs=no-such-command suite 'echo ok a'
expect unmet_need_skips 1 "0 passed, 0 failed, 1 skipped"
suite 'echo ok a'
inner=$(sed 's/^made/made\/inner/' "$place/suites.txt")
echo "$inner" >> "$place/suites.txt"
expect names_choose_all_below 0 "2 passed, 0 failed, 0 skipped" made
if grep -q '^== made/inner$' "$place/output"; then
  echo "ok suite_is_named"
else
  echo "not ok suite_is_named - no line == made/inner"
  status=1
fi
suite 'cat' 'echo ok a'
expect input_is_empty 0 "1 passed, 0 failed, 0 skipped"
exit $status
