#!/usr/bin/env bash
# The demo on Kafka: the same releases and tables as on the embedded log, and the erasure of an
# uploader.
set -euo pipefail
trap 'echo "$0 failed in line $LINENO: $BASH_COMMAND" >&2' ERR

demo=$COMMANDER_BIN_DIR/commander-demo
brokers=${TEST_KAFKA_SERVERS:?names no broker: run the tests by tools/dev test, which starts one}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Some of the machine's changelogs, or of downloaded ones.
all=/usr/share/doc
if ! compgen -G '/usr/share/doc/*/changelog*.gz' >/dev/null; then
  all=$COMMANDER_BUILD_DIR/changelogs
  "$COMMANDER_SOURCE_DIR/tools/demo/download_changelogs.sh" "$all"
fi
mapfile -t some < <(cd "$all" && find . -name 'changelog.Debian.gz' | LC_ALL=C sort | sed -n 1,60p)
[ ${#some[@]} -gt 10 ]
for file in "${some[@]}"; do
  mkdir -p "$work/doc/$(dirname "$file")"
  cp "$all/$file" "$work/doc/$file"
done

# Keys differ, and with them pseudonyms; so does the speed.
tables() { grep -v ' read: \|releases/s' "$1" | sed -E 's/  [0-9a-f]{8}  /  /'; }
counts() { grep -oE '"(files|entries|stored|added|duplicates|sources|people|erased)":[0-9]+' "$1"; }

"$demo" --data "$work/embedded" --input "$work/doc" --summary "$work/expected" >"$work/tables" 2>/dev/null
"$demo" --kafka "$brokers" --data "$work/kafka" --input "$work/doc" --summary "$work/actual" \
  >"$work/on-kafka" 2>"$work/errors" || { cat "$work/errors"; exit 1; }
diff <(counts "$work/expected") <(counts "$work/actual")
diff <(tables "$work/tables") <(tables "$work/on-kafka")
[ ! -e "$work/kafka/log" ]

# Stores are rebuilt from the topics.
rm -rf "$work/kafka/store" "$work/kafka/projections"
"$demo" --kafka "$brokers" --data "$work/kafka" --input "$work/doc" --erase \
  >"$work/erased" 2>"$work/errors" || { cat "$work/erased" "$work/errors"; exit 1; }
if grep FAILED "$work/erased"; then exit 1; fi
[ "$(grep -c '^ok      search' "$work/erased")" = 5 ]
for step in 'erased [0-9a-f]{8}, as [0-9a-f]{32} in the ledger' 'every row of every table is as before' \
  'bytes that the log had are unchanged' 'made again from the log, answer the same' \
  'search after the erasure: address 0 times in files, 0 in rows, 0 in records on Kafka; name 0, 0, 0' \
  'with the marks off, after: address .* [1-9][0-9]* in records on Kafka'; do
  grep -qE "^ok .*$step" "$work/erased" || { echo "no: $step"; cat "$work/erased"; exit 1; }
done
