#!/usr/bin/env bash
# compile_fail.sh SOURCE COMPILER [FLAG...]: a wrong program, and the one sentence that says so.
#
# The first line of SOURCE is `// expect: SENTENCE`.  The compiler must refuse SOURCE, and its first
# error must be that sentence and nothing else: it is the line a user reads.
set -euo pipefail

source=$1
shift

fail() {
  printf '%s: %s\n' "$source" "$1"
  [ $# -lt 2 ] || printf '%s\n' "$2"
  exit 1
}

expected=$(sed -n '1s|^// expect: ||p' "$source")
[ -n "$expected" ] || fail "the first line must be '// expect: SENTENCE'"

if output=$(LC_ALL=C.UTF-8 "$@" -fsyntax-only -fdiagnostics-color=never "$source" 2>&1); then
  fail "compiles, but should not: $expected"
fi
first=$(grep -m 1 -E '(^|[ :])(fatal )?error: ' <<<"$output") ||
  fail "the compiler failed without an error" "$output"
first=${first#*error: }
first=${first#static assertion failed: }
[ "$first" = "$expected" ] ||
  fail "the first error is not the expected sentence
  expected: $expected
  actual:   $first" "$output"
