#!/usr/bin/perl
# Counts the Debian changelogs below a directory without any code of the demo: the shell's patterns
# find the files, gzip decompresses them and dpkg's library reads them.
#
#   tests/demo/independent_count.pl DIR    prints one JSON object, as commander-demo --summary does
#
# Needs the package libdpkg-perl.
use strict;
use warnings;

use Dpkg::Changelog::Debian;
use File::Glob qw(bsd_glob GLOB_NOSORT);

die "usage: $0 DIR\n" unless @ARGV == 1;
my $directory = $ARGV[0];
die "$directory: not a directory\n" unless -d $directory;
(my $pattern = $directory) =~ s/([\\*?\[\]{}~])/\\$1/g;

my %files;
foreach my $documentation ($pattern, "$pattern/usr/share/doc", "$pattern/*/usr/share/doc") {
    $files{$_} = 1 foreach bsd_glob("$documentation/*/changelog.Debian.gz", GLOB_NOSORT);
    foreach my $file (bsd_glob("$documentation/*/changelog.gz", GLOB_NOSORT)) {
        (my $debian = $file) =~ s/changelog\.gz$/changelog.Debian.gz/;
        $files{$file} = 1 unless -l $debian or -e $debian;
    }
}

my ($entries, %releases, %sources, %people, @skipped) = (0);
foreach my $file (sort keys %files) {
    my $changelog = Dpkg::Changelog::Debian->new(verbose => 0);
    # load() dies where gzip fails, with what it read so far in $changelog.
    unless (eval { $changelog->load($file) }) {
        push @skipped, $file;
        next;
    }
    foreach my $entry (@$changelog) {
        my $source = $entry->get_source() || 'unknown';
        my $version = $entry->get_version() // 'unknown';
        $entries++;
        next if $releases{"$source\0$version"}++;  # the first entry of a release wins
        $sources{$source} = 1;
        $people{lc $1} = 1 if ($entry->get_maintainer() // '') =~ /.* <(.+)>$/;
    }
}

my @counts = (
    files => scalar keys %files,
    entries => $entries,
    stored => scalar keys %releases,
    duplicates => $entries - keys %releases,
    sources => scalar keys %sources,
    people => scalar keys %people,
    skipped => scalar @skipped,
);
my @fields;
push @fields, sprintf '"%s":%d', splice @counts, 0, 2 while @counts;
print '{', join(',', @fields), "}\n";
print STDERR "skipped $_\n" foreach @skipped;
