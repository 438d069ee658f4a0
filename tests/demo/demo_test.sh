#!/usr/bin/env bash
# The demo on real changelogs: its summary against a count by dpkg's own library, a second run, the
# erasure of an uploader, damaged files, an interruption.
set -euo pipefail
trap 'echo "$0 failed in line $LINENO: $BASH_COMMAND" >&2' ERR

demo=$COMMANDER_BIN_DIR/commander-demo
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The machine's changelogs, or downloaded ones.
input=/usr/share/doc
if ! compgen -G '/usr/share/doc/*/changelog*.gz' >/dev/null; then
  input=$COMMANDER_BUILD_DIR/changelogs
  "$COMMANDER_SOURCE_DIR/tools/demo/download_changelogs.sh" "$input"
fi

# field FILE NAME: a number of a one-line JSON object.
field() { grep -oE "\"$2\":[0-9.]+" "$1" | head -1 | cut -d: -f2; }
# expect FILE NAME VALUE
expect() {
  local actual
  actual=$(field "$1" "$2")
  [ "$actual" = "$3" ] || { echo "$2 is $actual, expected $3"; exit 1; }
}
# finds_nothing COMMAND...: one that would tell by its status what it finds.
finds_nothing() { if "$@"; then echo "found something: $*"; exit 1; fi; }

"$demo" --data "$work/data" --input "$input" --summary "$work/first" >"$work/tables" 2>"$work/errors"
perl "$COMMANDER_SOURCE_DIR/tests/demo/independent_count.pl" "$input" >"$work/count" 2>/dev/null
for name in files entries stored duplicates sources people; do
  expect "$work/first" "$name" "$(field "$work/count" "$name")"
done
[ "$(field "$work/first" entries)" -gt 1000 ]
expect "$work/first" added "$(field "$work/first" stored)"
[ "$(grep -o '"name":' "$work/first" | wc -l)" = "$(field "$work/count" skipped)" ]
grep -qF "made the key file $work/data.kek" "$work/errors"
finds_nothing grep -v '^demo: [0-9]* of\|made the key file' "$work/errors"
expect "$work/first" erased 0
for table in 'Releases per month' 'Most active uploaders' 'Bugs closed per package' \
  'Latest version per package'; do
  grep -q "$table" "$work/tables"
done

# What the tables say, whatever the directory: other keys, other pseudonyms.
tables() { grep -v ' read: \|releases/s' "$1" | sed -E 's/  [0-9a-f]{8}  /  /'; }

# A second run adds nothing, and tells the same.
"$demo" --data "$work/data" --input "$input" --summary "$work/second" >"$work/again" 2>/dev/null
expect "$work/second" added 0
expect "$work/second" duplicates "$(field "$work/first" entries)"
for name in files entries stored sources people; do
  expect "$work/second" "$name" "$(field "$work/first" "$name")"
done
diff <(grep -v ' read: \|releases/s' "$work/tables") <(grep -v ' read: \|releases/s' "$work/again")

# Deleted stores are rebuilt from the log.
rm -rf "$work/data/store" "$work/data/projections"
"$demo" --data "$work/data" --input "$input" --summary "$work/third" >"$work/rebuilt" 2>/dev/null
expect "$work/third" added 0
diff <(grep -v ' read: \|releases/s' "$work/tables") <(grep -v ' read: \|releases/s' "$work/rebuilt")

# The erasure of a real uploader, the most active one of the tables, is looked at from outside, too.
# used FILE: its length without the zeros at its end.
used() { perl -0777 -ne 's/\0+\z//; print length' "$1"; }
victim=$(grep -A1 'Most active uploaders' "$work/tables" | tail -1)
name=$(sed -E 's/.*  [0-9a-f]{8}  //' <<<"$victim")
pseudonym=$(grep -oE '  [0-9a-f]{8}  ' <<<"$victim" | tr -d ' ')
[ "${#name}" -gt 5 ]
for segment in "$work/data/log"/*.log; do
  length=$(used "$segment")
  echo "$length $(head -c "$length" "$segment" | sha256sum | cut -d' ' -f1) $segment"
done >"$work/segments"
LC_ALL=C finds_nothing grep -rqiaF "$name" "$work/data"
"$demo" --data "$work/data" --input "$input" --erase --summary "$work/erase" \
  >"$work/erased" 2>"$work/errors" || { cat "$work/erased" "$work/errors"; exit 1; }
finds_nothing grep -v '^demo: [0-9]* of' "$work/errors"
expect "$work/erase" erased 0
finds_nothing grep FAILED "$work/erased"
[ "$(grep -c '^ok      search' "$work/erased")" = 5 ]
for step in 'erased [0-9a-f]{8}, as [0-9a-f]{32} in the ledger' 'every row of every table is as before' \
  'bytes that the log had are unchanged' 'made again from the log, answer the same' \
  'with the marks off, before: address [1-9][0-9]* times in files, [1-9][0-9]* in rows; name [1-9]' \
  'with the marks off, after: address [1-9][0-9]* times in files, [1-9][0-9]* in rows; name [1-9]' \
  'with the marks off there is no key'; do
  grep -qE "^ok .*$step" "$work/erased"
done
while read -r length hash segment; do
  [ "$(head -c "$length" "$segment" | sha256sum | cut -d' ' -f1)" = "$hash" ]
done <"$work/segments"
LC_ALL=C finds_nothing grep -rqiaF "$name" "$work/data"
finds_nothing compgen -G "$work/data.unmarked*"
# The name is not printed again; the tables differ by nothing else.
sed -n '/^ok      erased/,$p' "$work/erased" >"$work/since"
finds_nothing grep -qF "$name" "$work/since"
sed -n '/^Releases per month/,/^ok/p' "$work/since" | grep -v '^ok' >"$work/gone"
diff <(sed "s/^\(.*  $pseudonym  \).*/\1(erased)/" "$work/tables" |
  sed '/changelogs, .* releases read/,$d') "$work/gone"

# After it, everything is counted as before, and the person's releases are refused.
"$demo" --data "$work/data" --input "$input" --summary "$work/refused" >"$work/since" 2>/dev/null
expect "$work/refused" added 0
[ "$(field "$work/refused" erased)" -gt 0 ]
[ "$(($(field "$work/refused" duplicates) + $(field "$work/refused" erased)))" = \
  "$(field "$work/first" entries)" ]
for name in files entries stored sources people; do
  expect "$work/refused" "$name" "$(field "$work/first" "$name")"
done

# Damaged changelogs are named with the reason, skipped, counted.
mkdir -p "$work/damaged/usr/share/doc"/{good,torn,text,binary}
printf 'hello (1.0-1) unstable; urgency=low\n\n  * First. (Closes: #12)\n\n -- Ada <Ada@Example.org>  Mon, 02 Jan 2006 15:04:05 +0000\n' |
  gzip >"$work/damaged/usr/share/doc/good/changelog.Debian.gz"
head -c 60 "$work/damaged/usr/share/doc/good/changelog.Debian.gz" \
  >"$work/damaged/usr/share/doc/torn/changelog.Debian.gz"
echo 'no changelog' | gzip >"$work/damaged/usr/share/doc/text/changelog.Debian.gz"
echo 'no gzip' >"$work/damaged/usr/share/doc/binary/changelog.Debian.gz"
"$demo" --data "$work/odd" --input "$work/damaged" --summary "$work/odd.json" >"$work/odd.txt" 2>/dev/null
expect "$work/odd.json" files 4
expect "$work/odd.json" entries 1
expect "$work/odd.json" people 1
for name in torn text binary; do
  grep -q "skipped .*/$name/changelog.Debian.gz: ." "$work/odd.txt"
  grep -q "\"name\":\"[^\"]*/$name/changelog.Debian.gz\",\"reason\":\"[^\"]" "$work/odd.json"
done

# Wrong usage and a directory that is in use are told in a line.
status=0
"$demo" --data "$work/none" --input "$work/nowhere" >/dev/null 2>"$work/errors" || status=$?
[ "$status" = 2 ] && grep -q nowhere "$work/errors"
status=0
"$demo" --nonsense >/dev/null 2>"$work/errors" || status=$?
[ "$status" = 2 ]

# Killed in the middle, the same command goes on and ends with the same.
for _ in 1 2 3; do
  "$demo" --data "$work/killed" --input "$input" >/dev/null 2>&1 &
  pid=$!
  # As soon as something is in the log.
  until [ -s "$work/killed/log/durable" ] || ! kill -0 "$pid" 2>/dev/null; do :; done
  kill -9 "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
done
"$demo" --data "$work/killed" --input "$input" --summary "$work/after" >"$work/after.txt" 2>/dev/null
for name in stored sources people; do
  expect "$work/after" "$name" "$(field "$work/first" "$name")"
done
diff <(tables "$work/tables") <(tables "$work/after.txt")
