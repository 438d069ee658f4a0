#!/usr/bin/env bash
# The demo on real changelogs: its summary against a count by dpkg's own library, a second run, damaged
# files, an interruption.
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

"$demo" --data "$work/data" --input "$input" --summary "$work/first" >"$work/tables" 2>"$work/errors"
perl "$COMMANDER_SOURCE_DIR/tests/demo/independent_count.pl" "$input" >"$work/count" 2>/dev/null
for name in files entries stored duplicates sources people; do
  expect "$work/first" "$name" "$(field "$work/count" "$name")"
done
[ "$(field "$work/first" entries)" -gt 1000 ]
expect "$work/first" added "$(field "$work/first" stored)"
[ "$(grep -o '"name":' "$work/first" | wc -l)" = "$(field "$work/count" skipped)" ]
[ ! -s "$work/errors" ] || grep -q '^demo: [0-9]* of' "$work/errors"
for table in 'Releases per month' 'Most active uploaders' 'Bugs closed per package' \
  'Latest version per package'; do
  grep -q "$table" "$work/tables"
done

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
diff <(grep -v ' read: \|releases/s' "$work/tables") <(grep -v ' read: \|releases/s' "$work/after.txt")
