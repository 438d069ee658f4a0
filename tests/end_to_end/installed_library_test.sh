#!/usr/bin/env bash
# README's first program, built outside the tree with the installed library: by find_package, and by
# pkg-config with the commands a Makefile would hold.
set -euo pipefail
. "$COMMANDER_SOURCE_DIR/tests/end_to_end/readme_program.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$COMMANDER_BUILD_DIR" --prefix "$work/prefix"
copy_program "$work/bank"

cmake_build "$work/bank" "$work/build" -D CMAKE_PREFIX_PATH="$work/prefix" \
  -D CMAKE_CXX_FLAGS="-Wall -Wextra -Werror"
expect_output "$work/build/bank" "$work/bank"

# The package says what it needs instead of ending in the middle of Cap'n Proto's.
mkdir "$work/cxx_only"
cat >"$work/cxx_only/CMakeLists.txt" <<'IN'
cmake_minimum_required(VERSION 3.25)
project(cxx_only LANGUAGES CXX)
find_package(commander 0.1 REQUIRED CONFIG)
IN
if cmake -S "$work/cxx_only" -B "$work/cxx_only/build" -D CMAKE_PREFIX_PATH="$work/prefix" \
  >"$work/cxx_only/log" 2>&1; then
  echo "a project without C was configured; is the message still needed?"
  exit 1
fi
grep -q 'needs a C compiler' "$work/cxx_only/log"

cd "$work/bank"
PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix" -name commander.pc)")
export PKG_CONFIG_PATH
capnp compile -oc++ "-I$(pkg-config --variable=schemas commander)" bank.capnp
# shellcheck disable=SC2046
"${CXX:-g++}" $(pkg-config --cflags commander) main.cc bank.capnp.c++ \
  $(pkg-config --libs commander) -o by_pkg_config
expect_output "$work/bank/by_pkg_config" "$work/bank"
