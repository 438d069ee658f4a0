#!/usr/bin/perl
# Prints what dpkg reads in changelogs: for each FILE, which is not compressed, a stanza with its
# name and the number of lines that fit no part of an entry, then a stanza for each entry, as
# `dpkg-parsechangelog --all --format rfc822` prints it.  One process for thousands of files.
use strict;
use warnings;

BEGIN { $ENV{LC_ALL} = 'C' }    # dpkg translates its messages

use Dpkg::Changelog::Debian;
use Dpkg::Changelog::Entry::Debian qw(match_trailer);

# Whether an error of the parser is about a line as a whole.  A trailer that lacks a blank before
# its date has the message of a line that is no trailer, yet is read.
sub is_unparsed {
    my ($message, $line) = @{$_[0]}[2, 3];
    return 1 if $message eq 'badly formatted heading line' or $message eq 'unrecognized line';
    return $message eq 'badly formatted trailer line' && !match_trailer($line);
}

foreach my $file (@ARGV) {
    my $changelog = Dpkg::Changelog::Debian->new(verbose => 0);
    $changelog->load($file, compression => 0);
    my $unparsed = grep { is_unparsed($_) } $changelog->get_parse_errors();
    print "File: $file\nUnparsed-Lines: $unparsed\n\n";
    print $_->output(), "\n" foreach $changelog->format_range('rfc822', { all => 1 });
}
