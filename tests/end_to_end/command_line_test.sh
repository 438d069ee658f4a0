#!/usr/bin/env bash
# The command line on what the demo wrote: both as a user has them, judged by the demo's own summary
# and by what is known of two changelogs that are made here.
set -euo pipefail
trap 'echo "$0 failed in line $LINENO: $BASH_COMMAND" >&2' ERR

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

demo() { "$COMMANDER_BIN_DIR/commander-demo" --data data --input input --summary "$1" >"$1.txt"; }
commander() { "$COMMANDER_BIN_DIR/commander" --data data "$@"; }
# same WHAT ACTUAL EXPECTED
same() { [ "$2" = "$3" ] || { echo "$1: '$2', expected '$3'"; exit 1; }; }
# each 'PERL' prints what the expressions give for each line of JSON, as $_.  What goes wrong is
# printed, too, so that it is nobody's expected value.
each() {
  perl -MJSON::PP -e '
    my $code = eval "sub { $ARGV[0] }" or die $@;
    while (my $line = <STDIN>) {
      local $_ = decode_json($line);
      my @values = $code->();
      print join(" ", @values), "\n" if @values;
    }' "$1" || echo "no such JSON"
}
sum() { awk '{ total += $1 } END { print total + 0 }'; }
summary() { each "\$_->{$1}" <summary; }

# entry PACKAGE VERSION BUG DATE
entry() {
  printf '%s (%s) unstable; urgency=low\n\n  * Changed. (Closes: #%s)\n\n' "$1" "$2" "$3"
  printf ' -- Ada <ada@example.org>  %s\n\n' "$4"
}
changelog() {
  mkdir -p "input/usr/share/doc/$1"
  gzip >"input/usr/share/doc/$1/changelog.Debian.gz"
}
{
  entry zz-hello 1.1-1 8 'Wed, 04 Jan 2006 15:04:05 +0000'
  entry zz-hello 1.0-2 7 'Tue, 03 Jan 2006 15:04:05 +0000'
  entry zz-hello 1.0-1 7 'Mon, 02 Jan 2006 15:04:05 +0000'
} | changelog zz-hello
entry zz-hello 1.0-1 7 'Mon, 02 Jan 2006 15:04:05 +0000' | changelog zz-hello-doc
entry zz-world 1.0-1 9 'Mon, 02 Jan 2006 15:04:05 +0000' | changelog zz-world
# And some of the machine's own, where it keeps them.
for name in adduser apt bash dash debianutils tar; do
  for file in "/usr/share/doc/$name"/changelog*.gz; do
    if [ -f "$file" ]; then
      mkdir -p "input/usr/share/doc/$name"
      cp -L "$file" "input/usr/share/doc/$name/"
    fi
  done
done
demo summary
same skipped "$(each 'scalar @{$_->{skipped}}' <summary)" 0

# log: every release is a command, and every command has one outcome, behind it.
# (The ledger of erasures, which the log holds too, is none of theirs.)
commander -o ndjson log read >everything
grep -v '"topic":"commander-ledger"' everything >log
same commands "$(commander log read --topic sources-commands | wc -l)" "$(summary entries)"
same outcomes "$(commander log read --topic sources-events | wc -l)" "$(summary entries)"
same events "$(commander log read --kind event | wc -l)" "$(summary stored)"
same nothing "$(commander log read --kind nothing | wc -l)" "$(summary duplicates)"
same records "$(wc -l <log)" "$((2 * $(summary entries)))"
same 'offsets with a gap' "$(each '
  our %next; my $place = "$_->{topic} $_->{partition}";
  $_->{offset} == $next{$place}++ ? () : "$place $_->{offset}"' <log)" ''
same 'outcomes without their command' "$(each '
  our %key; my $of = $_->{kind} eq "command" ? $_->{offset} : $_->{source};
  my $place = "$_->{partition} $of";
  if ($_->{kind} eq "command") { $key{$place} = $_->{key}; return }
  (delete $key{$place} // "") eq $_->{key} ? () : $place' <log)" ''
same 'records of a key' "$(commander log read --key zz-hello | wc -l)" 8
same tail "$(commander log tail -n 5)" "$(tail -n 5 everything)"
same 'array of records' "$(commander -o json log read | perl -MJSON::PP -0777 -ne '
  print scalar @{decode_json($_)->{data}}')" "$(wc -l <everything)"

# aggregate: the stored states, and how one came about.
commander aggregate list --group sources --limit 100000 >aggregates
same aggregates "$(wc -l <aggregates)" "$(summary sources)"
same versions "$(each '$_->{version}' <aggregates | sum)" "$(summary stored)"
same order "$(each '$_->{key}' <aggregates)" "$(each '$_->{key}' <aggregates | LC_ALL=C sort)"
same state "$(commander aggregate show zz-hello | each '
  @$_{"version", "version_in_log", "events_behind"}, @{$_->{data}{versions}}')" \
  '3 3 0 1.0-1 1.0-2 1.1-1'
commander aggregate history zz-hello >history
same 'versions of the history' "$(each '$_->{version}' <history)" "$(seq 3)"
same history "$(each '$_->{data}{facts}{version}' <history | sort)" "$(printf '%s\n' 1.0-1 1.0-2 1.1-1)"
same 'whole history' "$(commander aggregate history zz-hello --all | wc -l)" 4
status=0
commander aggregate show zz-nobody >/dev/null 2>errors || status=$?
same 'exit for what is not there' "$status" 1
grep -q zz-nobody errors

# projection: rows that add up.
same months "$(commander projection show releases-per-month --limit 100000 |
  each '$_->{data}{releases}' | sum)" "$(summary stored)"
same people "$(commander projection show uploaders --limit 100000 | wc -l)" "$(summary people)"
same latest "$(commander projection show latest-version zz-hello | each '
  $_->{behind}, $_->{data}{version}')" '0 1.1-1'
same bugs "$(commander projection show bugs-per-package zz-hello | each '$_->{data}{closed}')" 3

# store: whole, and the same when it is made again from the log.
hashes() {
  commander store hash | each '$_->{store}, $_->{partition} // "all", $_->{rows}, $_->{hash}'
}
commander store verify >verified
same 'parts that fail' "$(each '$_->{result} eq "pass" ? () : $_->{part}' <verified)" ''
same 'parts verified' "$(wc -l <verified)" 7
hashes >before
same 'states hashed' "$(awk '$1 == "store/sources" && $2 == "all" { print $3 }' before)" \
  "$(summary sources)"
same 'stores' "$(cut -d' ' -f1 before | sort -u | wc -l)" 5
rm -r data/store data/projections
same 'log without stores' "$(commander log read | wc -l)" "$(wc -l <everything)"
demo again
same 'added again' "$(each '$_->{added}' <again)" 0
diff before <(hashes)
commander store verify >/dev/null

# One package more: another hash for every store.
entry zz-zebra 1.0-1 10 'Mon, 02 Jan 2006 15:04:05 +0000' | changelog zz-zebra
demo more
same 'added' "$(each '$_->{added}' <more)" 1
same 'hashes as before' "$(comm -12 <(grep ' all ' before | sort) <(hashes | sort))" ''

# Damage is found, and said.
victim=$(find data/store -name '*.sst' | head -1)
printf 'X' | dd of="$victim" bs=1 seek=20 conv=notrunc status=none
status=0
commander store verify >verified 2>/dev/null || status=$?
[ "$status" != 0 ]
each '$_->{result} eq "pass" ? () : $_->{part}' <verified | grep -qx store/sources
