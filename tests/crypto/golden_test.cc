// P32: what released versions sealed keeps opening, and is sealed the same way still.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/crypto/sealing_fixture.h"

namespace commander::test {
namespace {

const std::filesystem::path kGolden = COMMANDER_SOURCE_DIR "/tests/crypto/golden";

class GoldenTest : public SealingFixture {
 protected:
  static Words ReadGolden(const std::string& name) {
    std::ifstream in(kGolden / name, std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(in), {});
    Words words(bytes.size() / 8);
    std::memcpy(words.data(), bytes.data(), words.size() * 8);
    return words;
  }
  // After a change of the format, which FORMAT.md describes first, run this test with
  // COMMANDER_WRITE_GOLDEN=1 and look at the difference.  A released file is never changed.
  static void ExpectGolden(const std::string& name, const Words& words) {
    if (std::getenv("COMMANDER_WRITE_GOLDEN") != nullptr) {
      std::ofstream out(kGolden / name, std::ios::binary);
      out.write(reinterpret_cast<const char*>(words.data()),
                static_cast<std::streamsize>(words.size() * 8));
    }
    EXPECT_EQ(words, ReadGolden(name)) << name;
  }
};

TEST_F(GoldenTest, AnEventIsSealedAsItAlwaysWas) {
  ExpectGolden("event.esp1", SealOpened(Event(), KidOf("acct-1")));
}

TEST_F(GoldenTest, AMarkIsWrittenAsItAlwaysWas) {
  const crypto::Kid kid = KidOf("acct-1");
  keyring_.Erase(kid);
  ExpectGolden("mark.esp1", SealOpened(Event(), kid, crypto::IfErased::kMark));
}

TEST_F(GoldenTest, WhatWasSealedOpens) {
  KidOf("acct-1");
  const Words sealed = ReadGolden("event.esp1");
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto opened, sealer_.Open(Event(), BytesOf(sealed)));
  FlatReader reader(opened.words());
  EXPECT_EQ(reader.Root<sealing::Opened>().getOwner(), std::string(kOwner).c_str());
  EXPECT_EQ(reader.Root<sealing::Opened>().getCents(), 1200);
  const Words mark = ReadGolden("mark.esp1");
  EXPECT_EQ(AnswerTo(Event(), mark), crypto::Answer::kForged);  // the key is held
  keyring_.Erase(KidOf("acct-1"));
  EXPECT_EQ(AnswerTo(Event(), mark), crypto::Answer::kErased);
}

}  // namespace
}  // namespace commander::test
