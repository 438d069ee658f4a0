// changelog_files.h: finds the Debian changelogs of a machine and reads them.
//
//     absl::StatusOr<std::vector<std::string>> paths = FindChangelogs("/usr/share/doc");
//     for (const std::string& path : *paths) {
//       absl::StatusOr<Changelog> changelog = ReadChangelog(path);
//       if (!changelog.ok()) Skip(path, changelog.status().message());
//     }
//
// Both block on the disk, touch nothing, and may be called by any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/demo/changelog.h"

namespace commander::demo {

// A changelog that decompresses to more is not read.  That of Linux, a long one, has 3 MB.
inline constexpr std::size_t kMaxChangelogBytes = 64 << 20;

// The changelogs of the packages documented below `directory`, in byte order of their paths.
//
// `directory` may be a documentation directory such as /usr/share/doc, the root of a system or of
// an unpacked package, which holds usr/share/doc, or a directory of such roots.  Of each package's
// directory in these it gives changelog.Debian.gz, or changelog.gz where no changelog.Debian.gz
// stands beside it (elsewhere that is the upstream author's).
//
// These are the files that the shell names by the patterns DOC/*/changelog.Debian.gz and
// DOC/*/changelog.gz, where DOC is DIRECTORY, DIRECTORY/usr/share/doc and
// DIRECTORY/*/usr/share/doc.  So a link DOC/a -> b, by which a package shares the documentation of
// another, makes b's changelog that of two packages; names that begin with a dot, and directories
// that this user may not enter, are passed over.  What stands under those names is listed even if
// it cannot be read: ReadChangelog() tells why.
//   kNotFound: there is no such directory.
//   kInvalidArgument: `directory` is something else.
//   kPermissionDenied, or another code by the system's error: a directory cannot be listed.
absl::StatusOr<std::vector<std::string>> FindChangelogs(const std::string& directory);

// Reads and parses one changelog.  An error's message is the reason why the file is skipped, in
// words that follow its name: "ends before its compressed data does".
//   kNotFound, kPermissionDenied, or another code by the system's error: it cannot be read.
//   kInvalidArgument: it is not a regular file, or holds no entry.
//   kDataLoss: it is not in gzip format, or damaged.
//   kResourceExhausted: it has, or decompresses to, more than kMaxChangelogBytes.
absl::StatusOr<Changelog> ReadChangelog(const std::string& path);

// Decompresses what gzip made: one member or several, perhaps padded with zero bytes.  Fails as
// ReadChangelog() does.
absl::StatusOr<std::string> Gunzip(std::string_view compressed,
                                   std::size_t max_bytes = kMaxChangelogBytes);

}  // namespace commander::demo
