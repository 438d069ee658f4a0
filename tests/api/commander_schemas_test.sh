#!/usr/bin/env bash
# What commander_schemas refuses, it refuses by a sentence.  What it does: tests/end_to_end.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/app/other"
touch "$work/app/bank.capnp" "$work/outside.capnp"
echo 'add_library(other INTERFACE)' >"$work/app/other/CMakeLists.txt"
failures=0

# refuses CALL SENTENCE
refuses() {
  local call=$1 sentence=$2 output
  cat >"$work/app/CMakeLists.txt" <<IN
cmake_minimum_required(VERSION 3.25)
project(app LANGUAGES NONE)
include("$COMMANDER_SOURCE_DIR/include/cmake/CommanderSchemas.cmake")
add_library(app INTERFACE)
add_subdirectory(other)
$call
IN
  if output=$(cmake -S "$work/app" -B "$work/build" 2>&1); then
    output="it was accepted"
  # CMake wraps what it prints.
  elif tr -s ' \n' ' ' <<<"$output" | grep -qF "commander_schemas: $sentence"; then
    return
  fi
  failures=$((failures + 1))
  printf '%s\n  expected: %s\n  %s\n' "$call" "$sentence" "$output"
}

refuses 'commander_schemas(bank bank.capnp)' \
  'there is no target bank; call it after add_executable or add_library'
refuses 'commander_schemas(other bank.capnp)' "other belongs to $work/app/other; call it there"
refuses 'commander_schemas(app)' 'no schema given for app'
refuses 'commander_schemas(app bank.capnp missing.capnp)' "$work/app/missing.capnp does not exist"
refuses 'commander_schemas(app ../outside.capnp)' \
  "$work/outside.capnp is not below $work/app; name a BASE"

[ "$failures" = 0 ]
