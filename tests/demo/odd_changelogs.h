// odd_changelogs.h: changelogs that tell parsers apart, as old and damaged ones do.
//
//     std::mt19937_64 random(7);
//     ParseChangelog(RandomChangelog(random));
#pragma once

#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace commander::demo {

struct OddChangelog {
  std::string_view name;  // a word
  std::string_view text;
};

// Each shows one thing that dpkg treats in its own way.
const std::vector<OddChangelog>& OddChangelogs();

// A changelog of lines from OddChangelogs() and of lines made up from the words of a changelog's
// grammar, in any order, with bytes changed, lost, doubled and added.  Not empty.
std::string RandomChangelog(std::mt19937_64& random);

// `text` with one byte changed, a stretch lost, doubled or moved, or cut short.
std::string Damage(std::string text, std::mt19937_64& random);

}  // namespace commander::demo
