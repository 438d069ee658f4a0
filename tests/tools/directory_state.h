// directory_state.h: everything that looking at a directory could change.
#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace commander::test {

// For each file and directory below: kind, permissions, size, time of the last change (of contents
// and of the inode) and contents.  Times of access are left out: a file system may keep them.
std::map<std::string, std::string> StateOf(const std::filesystem::path& directory);

}  // namespace commander::test
