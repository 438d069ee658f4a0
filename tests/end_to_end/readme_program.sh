# readme_program.sh: the first program of README.md, as a reader would copy it.  To be sourced.
#
# In README.md the line `<!-- program: NAME -->` stands before the fenced block that is the file
# NAME: bank.capnp, main.cc, CMakeLists.txt, and output, which is what the program prints.

trap 'echo "$0 failed in line $LINENO: $BASH_COMMAND" >&2' ERR

# readme_file NAME: prints the block.
readme_file() {
  awk -v marker="<!-- program: $1 -->" '
    $0 == marker { found = 1; next }
    found && /^```/ { if (inside) exit; inside = 1; next }
    inside { print }
    END { exit !inside }
  ' "$COMMANDER_SOURCE_DIR/README.md" || {
    echo "README.md has no fenced block after '<!-- program: $1 -->'" >&2
    return 1
  }
}

# copy_program DIRECTORY: a project of README's files.
copy_program() {
  local name
  mkdir -p "$1"
  for name in bank.capnp main.cc CMakeLists.txt output; do
    readme_file "$name" >"$1/$name"
  done
}

# cmake_build SOURCE BUILD [ARGUMENT...]
cmake_build() {
  local source=$1 build=$2
  shift 2
  cmake -S "$source" -B "$build" "$@"
  cmake --build "$build" -j "$(nproc)"
}

# expect_output PROGRAM DIRECTORY: the program, run in an empty directory, prints DIRECTORY/output.
expect_output() {
  local program=$1 source=$2 run
  run=$(mktemp -d -p "$source")
  (cd "$run" && XDG_CONFIG_HOME=$run/config "$program") >"$source/actual"
  diff -u "$source/output" "$source/actual"
}
