#include "crypto/key_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "crypto/key_file.h"
#include "tests/crypto/key_store_fixture.h"

namespace commander::crypto {
namespace {

namespace fs = std::filesystem;

using ::commander::test::IsOk;
using ::commander::test::IsOkAndHolds;
using ::commander::test::MemoryKeyDisk;
using ::commander::test::StatusIs;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Optional;
using ::testing::StartsWith;
using Code = absl::StatusCode;

class KeyStoreTest : public KeyStoreFixture {
 protected:
  // Names, contents and times of everything below the temporary directory.
  std::map<std::string, std::string> Listing() const {
    std::map<std::string, std::string> listing;
    for (const auto& entry : fs::recursive_directory_iterator(dir_.path())) {
      struct stat about {};
      EXPECT_EQ(stat(entry.path().c_str(), &about), 0);
      listing[entry.path().string()] =
          std::to_string(about.st_mtim.tv_sec) + "." + std::to_string(about.st_mtim.tv_nsec) + " " +
          std::to_string(about.st_size) + " " + std::to_string(about.st_mode);
    }
    return listing;
  }
};

TEST_F(KeyStoreTest, MakesAKeyOfASubjectOnce) {
  ASSERT_THAT(Open(), IsOk());
  EXPECT_THAT(keys_->FindKid(anna_), IsOkAndHolds(std::nullopt));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Kid anna, keys_->KidFor(anna_));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Kid bert, keys_->KidFor(bert_));
  EXPECT_NE(anna, bert);
  EXPECT_THAT(keys_->KidFor(anna_), IsOkAndHolds(anna));
  EXPECT_THAT(keys_->FindKid(anna_), IsOkAndHolds(Optional(anna)));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Answer answer, Ask(anna));
  EXPECT_EQ(answer.state, KeyAnswer::State::kHeld);
  EXPECT_EQ(KidOfKey(AsBytes(answer.key)), anna) << "the kid commits to the key";
  EXPECT_EQ(StateOf(Kid{}), KeyAnswer::State::kUnknown);
}

TEST_F(KeyStoreTest, TellsNamespaceFromId) {
  ASSERT_THAT(Open(), IsOk());
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Kid one, keys_->KidFor({"ab", "c"}));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Kid two, keys_->KidFor({"a", "bc"}));
  EXPECT_NE(one, two);
  EXPECT_THAT(keys_->KidFor({"a", ""}), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(keys_->KidFor({"a", std::string(2049, 'x')}), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(keys_->KidFor({std::string(256, 'n'), std::string(2048, 'x')}), IsOk());
}

TEST_F(KeyStoreTest, KeepsKeysAndTagsOverAReopening) {
  ASSERT_THAT(Open(), IsOk());
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Kid anna, keys_->KidFor(anna_));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Answer before, Ask(anna));
  const PlaceTag tag = keys_->TagOf(AsBytes("place"));
  const Realm realm = keys_->realm();
  ASSERT_THAT(keys_->SyncKeys(), IsOk());
  ASSERT_THAT(Open(), IsOk());
  EXPECT_THAT(keys_->KidFor(anna_), IsOkAndHolds(anna));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Answer after, Ask(anna));
  EXPECT_EQ(after.key, before.key);
  EXPECT_EQ(keys_->TagOf(AsBytes("place")), tag);
  EXPECT_NE(keys_->TagOf(AsBytes("other")), tag);
  EXPECT_EQ(keys_->realm(), realm);
}

TEST_F(KeyStoreTest, MayLoseAKeyUntilItIsSynced) {
  ASSERT_THAT(Open(), IsOk());
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Kid anna, keys_->KidFor(anna_));
  ASSERT_THAT(keys_->SyncKeys(), IsOk());
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Kid bert, keys_->KidFor(bert_));
  keys_.reset();
  disk_.Crash(/*kept=*/0);
  ASSERT_THAT(Open(), IsOk());
  EXPECT_THAT(keys_->FindKid(anna_), IsOkAndHolds(Optional(anna)));
  EXPECT_EQ(StateOf(anna), KeyAnswer::State::kHeld);
  EXPECT_THAT(keys_->FindKid(bert_), IsOkAndHolds(std::nullopt));
  EXPECT_EQ(StateOf(bert), KeyAnswer::State::kUnknown) << "never to be taken for erased";
}

TEST_F(KeyStoreTest, SyncsOnlyWhereThereIsSomething) {
  ASSERT_THAT(Open(), IsOk());
  const int before = disk_.Calls(MemoryKeyDisk::Call::kSync);
  ASSERT_THAT(keys_->SyncKeys(), IsOk());
  ASSERT_THAT(keys_->KidFor(anna_), IsOk());
  ASSERT_THAT(keys_->SyncKeys(), IsOk());
  ASSERT_THAT(keys_->KidFor(anna_), IsOk());
  ASSERT_THAT(keys_->SyncKeys(), IsOk());
  EXPECT_EQ(disk_.Calls(MemoryKeyDisk::Call::kSync), before + 1);
}

TEST_F(KeyStoreTest, ManyThreadsThatMeetANewPersonMakeOneKey) {
  ASSERT_THAT(Open(), IsOk());
  constexpr int kSubjects = 200;
  std::vector<std::vector<Kid>> seen(4);
  std::vector<std::thread> threads;
  for (auto& kids : seen) {
    threads.emplace_back([&] {
      for (int i = 0; i < kSubjects; ++i) {
        auto kid = keys_->KidFor({"people", std::to_string(i)});
        kids.push_back(kid.ok() ? *kid : Kid{});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& kids : seen) EXPECT_EQ(kids, seen[0]);
  EXPECT_EQ(std::set<Kid>(seen[0].begin(), seen[0].end()).size(), std::size_t{kSubjects});
  EXPECT_EQ(disk_.Read(KeyTable::kKey).size(), std::size_t{kSubjects});
}

TEST_F(KeyStoreTest, FailsForGoodAfterAWriteOrASyncThatFailed) {
  for (const auto call : {MemoryKeyDisk::Call::kWrite, MemoryKeyDisk::Call::kSync}) {
    ASSERT_THAT(Open(), IsOk());
    COMMANDER_ASSERT_OK_AND_ASSIGN(const Kid anna, keys_->KidFor(anna_));
    ASSERT_THAT(keys_->SyncKeys(), IsOk());
    disk_.Fail(call, 1);
    const auto made =
        keys_->KidFor({"people", "of call " + std::to_string(static_cast<int>(call))});
    const absl::Status failed = made.ok() ? keys_->SyncKeys() : made.status();
    EXPECT_THAT(failed, StatusIs(Code::kUnavailable, HasSubstr("open it again")));
    EXPECT_THAT(keys_->SyncKeys(), StatusIs(Code::kUnavailable)) << "a sync is not tried again";
    EXPECT_THAT(keys_->KidFor(anna_), StatusIs(Code::kUnavailable));
    EXPECT_THAT(Ask(anna), StatusIs(Code::kUnavailable));
    EXPECT_THAT(keys_->Erase(anna_, ""), StatusIs(Code::kUnavailable));
    ASSERT_THAT(Open(), IsOk());
    EXPECT_EQ(StateOf(anna), KeyAnswer::State::kHeld);
  }
}

TEST_F(KeyStoreTest, RefusesARowThatWasChangedOrMoved) {
  ASSERT_THAT(Open(), IsOk());
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Kid anna, keys_->KidFor(anna_));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Kid bert, keys_->KidFor(bert_));
  ASSERT_THAT(keys_->SyncKeys(), IsOk());
  const auto rows = disk_.Read(KeyTable::kKey);
  const std::string of_anna = rows.at(ToString(anna.bytes));
  const auto tags = disk_.Read(KeyTable::kTag);

  std::vector<std::string> wrong = {rows.at(ToString(bert.bytes)), "", of_anna.substr(1)};
  for (std::size_t i = 0; i < of_anna.size(); i += 7) {
    wrong.push_back(of_anna);
    wrong.back()[i] = static_cast<char>(wrong.back()[i] ^ 1);
  }
  for (const std::string& row : wrong) {
    disk_.Put(KeyTable::kKey, ToString(anna.bytes), row);
    ASSERT_THAT(Open(), IsOk());
    EXPECT_THAT(Ask(anna), StatusIs(Code::kDataLoss, Not(HasSubstr("anna"))));
  }
  disk_.Put(KeyTable::kKey, ToString(anna.bytes), of_anna);
  for (const auto& [key, value] : tags) disk_.Put(KeyTable::kTag, key, tags.begin()->second);
  ASSERT_THAT(Open(), IsOk());
  const bool first_is_annas = keys_->KidFor(anna_).ok();
  EXPECT_EQ(keys_->KidFor(bert_).ok(), !first_is_annas) << "a tag of another subject";
}

// Each case of a KEK or a directory that is not what it was: one own line, and nothing changes.
TEST_F(KeyStoreTest, TouchesNothingWhereItDoesNotOpen) {
  ASSERT_THAT(Open(), IsOk());
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Kid anna, keys_->KidFor(anna_));
  ASSERT_THAT(keys_->SyncKeys(), IsOk());
  keys_.reset();
  const fs::path aside = dir_ / "aside";
  const std::string kek = ReadBytes(KekPath());
  const fs::path slots = KeysPath() / "root.slots";
  const std::string root = ReadBytes(slots);
  struct Case {
    Code code;
    std::string text;
    std::function<void()> damage;
    std::function<void()> repair;
  };
  const auto put_kek = [&] {
    fs::remove(KekPath());
    WriteBytes(KekPath(), kek);
    fs::permissions(KekPath(), fs::perms(0600));
  };
  const auto change_kek = [&](std::string bytes) {
    return [this, bytes] { WriteBytes(KekPath(), bytes); };
  };
  const auto move_aside = [&](const fs::path& path) {
    return [path, aside] { fs::rename(path, aside); };
  };
  const auto move_back = [&](const fs::path& path) {
    return [path, aside] {
      fs::remove(path);
      fs::rename(aside, path);
    };
  };
  std::string torn = root;
  torn[100] = static_cast<char>(torn[100] ^ 1);
  torn[kSlotBytes + 100] = static_cast<char>(torn[kSlotBytes + 100] ^ 1);
  std::string newer = EncodeRootSlot(9, 1, StoreId{}, AsBytes(kek), AsBytes(kek), nullptr);
  newer = root.substr(0, kSlotBytes) + newer;  // of another store, under the right KEK
  const std::vector<Case> cases = {
      {Code::kFailedPrecondition, "KEK_MISSING", [&] { fs::remove(KekPath()); }, put_kek},
      {Code::kPermissionDenied, "KEK_UNREADABLE",
       [&] { fs::permissions(KekPath(), fs::perms::none); }, put_kek},
      {Code::kFailedPrecondition, "KEK_INVALID", change_kek(kek.substr(1)), put_kek},
      {Code::kFailedPrecondition, "KEK_INVALID", change_kek(""), put_kek},
      {Code::kFailedPrecondition, "WRONG_KEK", change_kek(std::string(32, 'k')), put_kek},
      {Code::kFailedPrecondition, "KEK_INVALID",
       [&] {
         fs::remove(KekPath());
         fs::create_directory(KekPath());
       },
       put_kek},
      {Code::kFailedPrecondition, "KEYS_MISSING", move_aside(KeysPath()), move_back(KeysPath())},
      {Code::kDataLoss, "CORRUPT",
       [&] {
         fs::rename(KeysPath(), aside);
         WriteBytes(KeysPath(), "");
       },
       move_back(KeysPath())},
      {Code::kDataLoss, "CORRUPT", move_aside(KeysPath() / "id"), move_back(KeysPath() / "id")},
      {Code::kDataLoss, "CORRUPT", move_aside(slots), move_back(slots)},
      {Code::kDataLoss, "CORRUPT", move_aside(KeysPath() / "table.1"),
       move_back(KeysPath() / "table.1")},
      {Code::kDataLoss, "CORRUPT", [&] { WriteBytes(slots, torn); },
       [&] { WriteBytes(slots, root); }},
      {Code::kDataLoss, "CORRUPT", [&] { WriteBytes(slots, newer); },
       [&] { WriteBytes(slots, root); }},
      {Code::kDataLoss, "CORRUPT", [&] { WriteBytes(slots, root.substr(1)); },
       [&] { WriteBytes(slots, root); }},
  };
  lines_.clear();
  for (std::size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(testing::Message() << i << ": " << cases[i].text);
    cases[i].damage();
    const auto before = Listing();
    const auto rows = disk_.Copy();
    EXPECT_THAT(Open(), StatusIs(cases[i].code,
                                 AllOf(StartsWith(cases[i].text + ": "), Not(HasSubstr("\n")))));
    EXPECT_EQ(Listing(), before);
    EXPECT_EQ(disk_.Copy(), rows);
    EXPECT_EQ(LedgerKinds(), "1");
    cases[i].repair();
    ASSERT_THAT(Open(), IsOk());
    EXPECT_EQ(StateOf(anna), KeyAnswer::State::kHeld);
    keys_.reset();
  }
  EXPECT_TRUE(lines_.empty()) << lines_.front();
}

TEST_F(KeyStoreTest, MendsASlotAndATableThatLostOneCopy) {
  ASSERT_THAT(Open(), IsOk());
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Kid anna, keys_->KidFor(anna_));
  keys_.reset();
  const fs::path slots = KeysPath() / "root.slots";
  const std::string root = ReadBytes(slots);
  for (const std::size_t at : {std::size_t{60}, kSlotBytes + 60}) {
    std::string damaged = root;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    WriteBytes(slots, damaged);
    ASSERT_THAT(Open(), IsOk());
    EXPECT_EQ(ReadBytes(slots), root);
  }
  std::string table = ReadBytes(KeysPath() / "table.1");
  table[5] = static_cast<char>(table[5] ^ 1);
  WriteBytes(KeysPath() / "table.1", table);
  WriteBytes(KeysPath() / "table.2", "left over");
  ASSERT_THAT(Open(), IsOk());
  EXPECT_EQ(StateOf(anna), KeyAnswer::State::kHeld);
  EXPECT_FALSE(fs::exists(KeysPath() / "table.2"));
}

TEST_F(KeyStoreTest, IsNotMadeWhereTheLedgerNamesOneOrNobodyAskedForIt) {
  KeyStoreOptions options = Options();
  options.create = false;
  EXPECT_THAT(Open(options), StatusIs(Code::kNotFound));
  EXPECT_TRUE(Listing().empty());
  ledger_.records.push_back("of some store");
  EXPECT_THAT(Open(), StatusIs(Code::kFailedPrecondition, StartsWith("KEYS_MISSING")));
  EXPECT_TRUE(Listing().empty());
  ledger_.records.clear();
  ledger_.unreadable = 1;
  EXPECT_THAT(Open(), StatusIs(Code::kUnavailable)) << "not known is not empty";
  EXPECT_TRUE(Listing().empty());
}

TEST_F(KeyStoreTest, HasOneOwner) {
  ASSERT_THAT(Open(), IsOk());
  const auto second = KeyStore::Open(Options());
  EXPECT_THAT(second, StatusIs(Code::kUnavailable, StartsWith("LOCKED: ")));
  ASSERT_THAT(keys_->Close(), IsOk());
  EXPECT_THAT(keys_->KidFor(anna_), StatusIs(Code::kUnavailable, HasSubstr("is closed")));
  EXPECT_THAT(keys_->Close(), IsOk());
  keys_.reset();
  EXPECT_THAT(Open(), IsOk());
}

TEST_F(KeyStoreTest, AdvisesOfTheKekThatItMakes) {
  ASSERT_THAT(Open(), IsOk());
  EXPECT_THAT(lines_, Contains(AllOf(HasSubstr(KekPath().string()), HasSubstr("keep a copy"))));
  struct stat about {};
  ASSERT_EQ(stat(KekPath().c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600u);
  EXPECT_EQ(about.st_size, 32);
  EXPECT_FALSE(fs::exists(KekPath().string() + ".new"));
  EXPECT_THAT(ReadBytes(KeysPath() / "CACHEDIR.TAG"),
              StartsWith("Signature: 8a477f597d28d172789f06886806bc55"));
  EXPECT_FALSE(fs::exists(KeysPath().string() + ".new"));
}

TEST_F(KeyStoreTest, IsOfNoUseInAForkedProcess) {
  ASSERT_THAT(Open(), IsOk());
  COMMANDER_ASSERT_OK_AND_ASSIGN(const Kid anna, keys_->KidFor(anna_));
  ASSERT_EQ(StateOf(anna), KeyAnswer::State::kHeld);
  const pid_t child = fork();
  if (child == 0) {
    const auto answer = Ask(anna);
    _exit(absl::IsUnavailable(answer.status()) ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0) << "a child would use a key of zeros";
  EXPECT_EQ(StateOf(anna), KeyAnswer::State::kHeld);
}

TEST_F(KeyStoreTest, IsTheSameFromTheSameSeed) {
  std::vector<Kid> kids;
  for (int run = 0; run < 2; ++run) {
    KeyStoreFixture::disk_.PutBack(std::vector<MemoryKeyDisk::Table>(kKeyTables));
    fs::remove_all(dir_ / "data");
    fs::remove_all(dir_ / "config");
    ledger_.records.clear();
    test::FakeRandom random(7);
    KeyStoreOptions options = Options();
    options.random = &random;
    ASSERT_THAT(Open(options), IsOk());
    COMMANDER_ASSERT_OK_AND_ASSIGN(const Kid kid, keys_->KidFor(anna_));
    EXPECT_NE(keys_->NewNonce(), keys_->NewNonce());
    kids.push_back(kid);
    keys_.reset();
  }
  EXPECT_EQ(kids[0], kids[1]);
}

}  // namespace
}  // namespace commander::crypto
