#!/usr/bin/env bash
# The repository keeps its layers, and .ci/layers sees each way of breaking them.
set -euo pipefail

check=$COMMANDER_SOURCE_DIR/.ci/layers
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failures=0

# verdict EXPECTED FILE LINE: a tree with only this line in FILE passes or is offensive.
verdict() {
  local expected=$1 file=$2 line=$3 actual=allowed output
  rm -rf "${tree:?}"/*
  mkdir -p "$tree/$(dirname "$file")"
  touch "$tree/$(dirname "$file")/beside.h"
  printf '// A comment.\n%s\n' "$line" >"$tree/$file"
  if ! output=$("$check" "$tree" 2>&1); then actual=refused; fi
  if [ "$actual" = refused ] && ! grep -q "^$file:2: " <<<"$output"; then actual="refused without its place"; fi
  [ "$actual" = "$expected" ] && return
  failures=$((failures + 1))
  printf '%s with %s: %s instead of %s\n%s\n' "$file" "$line" "$actual" "$expected" "$output"
}

verdict allowed include/commander/a.h '#include "commander/b.h"'
verdict allowed include/commander/a.h '#include <vector>'
verdict allowed include/commander/a.h '#include "absl/status/status.h"'
verdict allowed include/commander/a.capnp 'using Cxx = import "/capnp/c++.capnp";'
verdict refused include/commander/a.h '#include "engine/log/log.h"'
verdict refused include/commander/a.h '#include "engine/engine_impl.h"'
verdict refused include/commander/a.h '#include "store/store.h"'
verdict refused include/commander/a.h '#include "crypto/seal.h"'
verdict refused include/commander/a.h '  #  include <store/store.h>'
verdict refused include/commander/a.capnp 'using Row = import "/store/row.capnp".Row;'

verdict allowed engine/log/a.cc '#include "commander/b.h"'
verdict allowed engine/log/a.cc '#include "engine/log/log.h"'
verdict refused engine/log/a.cc '#include "engine/worker.h"'
verdict refused engine/log/a.cc '#include "store/store.h"'
verdict refused engine/log/a.cc '#include "crypto/seal.h"'

verdict allowed store/a.cc '#include "crypto/seal.h"'
verdict refused store/a.cc '#include "engine/log/log.h"'
verdict refused store/a.cc '#include "engine/worker.h"'

verdict allowed crypto/a.cc '#include "commander/b.h"'
verdict refused crypto/a.cc '#include "store/store.h"'

verdict allowed engine/a.cc '#include "engine/log/log.h"'
verdict allowed engine/a.cc '#include "store/store.h"'
verdict refused engine/a.cc '#include "tools/commander/cli.h"'
verdict refused engine/a.cc '#include "tests/support/temp_dir.h"'

verdict allowed tools/demo/a.cc '#include "store/store.h"'
verdict refused tools/demo/a.cc '#include "tests/support/temp_dir.h"'
verdict allowed tests/store/a_test.cc '#include "tools/commander/cli.h"'

verdict allowed store/a.cc '#include <rocksdb/db.h>'
verdict allowed tests/store/a_test.cc '#include "rocksdb/db.h"'
verdict refused engine/a.cc '#include <rocksdb/db.h>'
verdict refused tools/commander/a.cc '#include "rocksdb/db.h"'
verdict refused include/commander/a.h '#include <rocksdb/slice.h>'
verdict allowed engine/log/kafka_log.cc '#include <librdkafka/rdkafka.h>'
verdict refused engine/log/embedded_log.cc '#include <librdkafka/rdkafka.h>'
verdict allowed tests/log/kafka_log_test.cc '#include <librdkafka/rdkafka.h>'
verdict allowed tests/kafka/a_test.cc '#include <librdkafka/rdkafka.h>'
verdict refused tests/engine/a_test.cc '#include <librdkafka/rdkafka.h>'
verdict allowed benchmarks/kafka_a.cc '#include <librdkafka/rdkafka.h>'
verdict allowed crypto/a.cc '#include <sodium.h>'
verdict allowed benchmarks/crypto_a.cc '#include <sodium.h>'
verdict refused store/a.cc '#include <sodium.h>'
verdict refused benchmarks/a.cc '#include <sodium.h>'

# A path that does not start at the top would slip through the rules above.
verdict refused engine/a.cc '#include "beside.h"'
verdict refused store/a.cc '#include "../engine/worker.h"'
verdict refused engine/log/a.cc '#include "./beside.h"'
verdict refused store/a.capnp 'using Log = import "../engine/log/log.capnp";'
verdict allowed store/a.capnp 'using Row = import "beside.h";'
verdict refused engine/a.cc '#include "include/commander/b.h"'

"$check" "$COMMANDER_SOURCE_DIR" || failures=$((failures + 1))
[ "$failures" = 0 ] || { echo "$failures failures"; exit 1; }
