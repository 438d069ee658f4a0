// Personal fields: masked without keys, shown on demand, gone once they are erased.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <charconv>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "commander/environment.h"
#include "crypto/key_rows.h"
#include "engine/envelope.h"
#include "engine/log/embedded_log.h"
#include "simdjson.h"
#include "store/key_rows_rocks.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/tools/directory_state.h"
#include "tests/tools/run_commander.h"

namespace commander::test {
namespace {

namespace fs = std::filesystem;

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kSealed[] = R"("personal":{"state":"sealed","subject":")";
constexpr char kErased[] = R"("personal":{"state":"erased","subject":")";
constexpr char kShown[] = R"("personal":{"state":"shown","subject":")";

const std::vector<std::vector<std::string>>& Verbs() {
  static const auto& verbs =
      *new std::vector<std::vector<std::string>>{{"log", "read"},
                                                 {"log", "tail"},
                                                 {"aggregate", "list"},
                                                 {"aggregate", "show", "acct-1"},
                                                 {"aggregate", "history", "acct-1", "--all"},
                                                 {"projection", "list"},
                                                 {"projection", "show", "residents"},
                                                 {"projection", "show", "residents", "acct-1"},
                                                 {"store", "verify"},
                                                 {"store", "hash"}};
  return verbs;
}

std::vector<std::string> With(std::vector<std::string> verb, const std::string& option) {
  verb.insert(verb.begin(), option);
  return verb;
}

// Abseil's own way to read hex changed its signature between Debian 12 and 13.
std::string FromHex(const std::string& hex) {
  std::string bytes;
  for (std::size_t at = 0; at + 1 < hex.size(); at += 2) {
    unsigned char byte = 0;
    std::from_chars(hex.data() + at, hex.data() + at + 2, byte, 16);
    bytes.push_back(static_cast<char>(byte));
  }
  return bytes;
}

class PersonalTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_THAT(WritePeople(data_), IsOk()); }

  Ran Erase(const std::string& subject) const {
    return CommanderWithKeys(data_, {"subject", "erase", subject, "--reason", "a test", "--yes"});
  }
  std::string Hash() const {
    const Ran ran = Commander(data_, {"store", "hash"});
    EXPECT_EQ(ran.exit, 0) << ran.err;
    return ran.out;
  }
  void Rebuild() const {
    fs::remove_all(data_ / "store");
    fs::remove_all(data_ / "projections");
    ASSERT_THAT(WritePeople(data_, {"--only-open"}), IsOk());
  }
  // The pseudonym of the account's owner.
  std::string KidOf(const std::string& key) const {
    simdjson::dom::parser parser;
    const Ran ran = Commander(data_, {"aggregate", "show", key});
    return std::string(std::string_view(parser.parse(ran.out)["personal"]["subject"]));
  }

  const TempDir dir_;
  const fs::path data_ = dir_ / "data";
};

TEST_F(PersonalTest, IsMaskedWithoutKeysAndWithoutATrace) {
  fs::rename(data_.string() + ".kek", dir_ / "elsewhere");
  const auto before = StateOf(data_);
  for (const std::vector<std::string>& verb : Verbs()) {
    for (const std::string format : {"table", "json", "ndjson"}) {
      const Ran ran = Commander(data_, With(With(verb, format), "-o"));
      EXPECT_EQ(ran.exit, 0) << verb[0] << " " << verb[1] << ": " << ran.err;
      EXPECT_EQ(ran.err, "");
      EXPECT_THAT(ran.out,
                  AllOf(Not(IsEmpty()), Not(HasSubstr("canary")), Not(HasSubstr("12345"))));
    }
  }
  EXPECT_EQ(StateOf(data_), before);
  const Ran show = Commander(data_, {"aggregate", "show", "acct-1"});
  EXPECT_THAT(show.out, AllOf(HasSubstr(R"("data":{"owner":null,"cents":"7","city":"Bern"})"),
                              HasSubstr(kSealed)));
  const Ran refusal = Commander(data_, {"log", "read", "--kind", "rejection"});
  EXPECT_THAT(refusal.out,
              AllOf(HasSubstr(R"("data":{"code":"impolite","message":null})"), HasSubstr(kSealed)));
}

TEST_F(PersonalTest, IsShownOnDemand) {
  const auto shown = [&](const std::vector<std::string>& verb) {
    const Ran ran = CommanderWithKeys(data_, With(verb, "--show-personal"));
    EXPECT_EQ(ran.exit, 0) << ran.err;
    EXPECT_EQ(ran.err, "");
    return ran.out;
  };
  EXPECT_THAT(shown({"aggregate", "show", "acct-1"}),
              AllOf(HasSubstr(R"("data":{"owner":"canary-owner-1","cents":"7","city":"Bern"})"),
                    HasSubstr(kShown)));
  EXPECT_THAT(shown({"projection", "show", "residents", "acct-2"}), HasSubstr("canary-owner-2"));
  EXPECT_THAT(shown({"aggregate", "history", "acct-2"}),
              HasSubstr(R"({"owner":"canary-owner-2","age":12345,"city":"Bern"})"));
  const std::string log = shown({"log", "read"});
  EXPECT_THAT(log, AllOf(HasSubstr("not so, canary-refusal"), HasSubstr("canary-person"),
                         Not(HasSubstr(kSealed))));
}

TEST_F(PersonalTest, SaysWhatWasErased) {
  const Ran erased = Erase("accounts:acct-1");
  ASSERT_EQ(erased.exit, 0) << erased.err;
  const Ran masked = Commander(data_, {"aggregate", "list"});
  EXPECT_EQ(masked.exit, 0);
  EXPECT_THAT(masked.Lines()[0],
              AllOf(HasSubstr(R"("key":"acct-1")"), HasSubstr(kErased), HasSubstr("Bern")));
  EXPECT_THAT(masked.Lines()[1], HasSubstr(kSealed));
  for (const std::vector<std::string>& verb : Verbs()) {
    const Ran ran = CommanderWithKeys(data_, With(verb, "--show-personal"));
    EXPECT_EQ(ran.exit, 0) << ran.err;
    EXPECT_THAT(ran.out, AllOf(Not(HasSubstr("canary-owner-1")), Not(HasSubstr("canary-refusal"))));
  }
  const Ran show = CommanderWithKeys(data_, {"--show-personal", "log", "read"});
  EXPECT_THAT(show.out, AllOf(HasSubstr("canary-owner-2"), HasSubstr(kErased)));
}

TEST_F(PersonalTest, HashIsThatOfTheRebuiltAndOfTheErased) {
  const std::string before = Hash();
  Rebuild();
  EXPECT_EQ(Hash(), before);
  ASSERT_EQ(Erase("accounts:acct-1").exit, 0);
  EXPECT_EQ(Hash(), before) << "the rows are as they were";
  Rebuild();
  EXPECT_EQ(Hash(), before) << "the rows are new";
  EXPECT_EQ(Commander(data_, {"store", "verify"}).exit, 0);
  // It does tell what is public apart.
  ASSERT_THAT(WritePeople(data_, {"--deposit"}), IsOk());
  EXPECT_NE(Hash(), before);
}

TEST_F(PersonalTest, ShowsTheLedger) {
  ASSERT_EQ(Erase("accounts:acct-2").exit, 0);
  const Ran ledger = Commander(data_, {"log", "read", "--kind", "ledger"});
  EXPECT_EQ(ledger.exit, 0) << ledger.err;
  const std::vector<std::string> lines = ledger.Lines();
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_THAT(lines[0], HasSubstr(R"("data":{"kind":"OPEN","store":")"));
  EXPECT_THAT(lines[1], AllOf(HasSubstr(R"("data":{"kind":"ERASE","erasure":")"),
                              HasSubstr("\"subjects\":[\"" + KidOf("acct-2") + "\"]")));
  EXPECT_THAT(lines[2], HasSubstr(R"("data":{"kind":"COMPLETE","erasure":")"));
  EXPECT_THAT(ledger.out, Not(HasSubstr("acct-2")));
}

// The key of a living subject is lost: that is damage, and never an erasure.
TEST_F(PersonalTest, TellsALostKeyFromAnErasedOne) {
  const std::string kid = FromHex(KidOf("acct-1"));
  const auto change = [&](std::optional<std::string> row) {
    const auto rows = store::KeyRowsOpener(nullptr)(data_ / "keys" / "rows", false);
    EXPECT_THAT(rows, IsOk());
    const auto before = (*rows)->Get(crypto::KeyTable::kKey, kid);
    crypto::KeyRowBatch batch;
    batch.changes.push_back({crypto::KeyTable::kKey, kid, std::move(row)});
    EXPECT_THAT((*rows)->Write(batch, crypto::Durability::kSynced), IsOk());
    EXPECT_THAT((*rows)->Close(), IsOk());
    return before.ok() ? *before : std::nullopt;
  };
  const std::optional<std::string> row = change(std::nullopt);
  ASSERT_TRUE(row.has_value());
  for (const std::vector<std::string>& verb : {std::vector<std::string>{"log", "tail"},
                                               {"aggregate", "show", "acct-1"},
                                               {"aggregate", "history", "acct-1"},
                                               {"projection", "show", "residents"}}) {
    const Ran ran = CommanderWithKeys(data_, With(verb, "--show-personal"));
    EXPECT_EQ(ran.exit, 1) << verb[0];
    EXPECT_THAT(ran.out, AllOf(HasSubstr("\"undecoded\":\"the key of sealed fields is neither"),
                               Not(HasSubstr(kErased))));
    EXPECT_THAT(ran.err, HasSubstr("neither in the store of keys nor in the ledger"));
  }
  change(row);
  const Ran whole = CommanderWithKeys(data_, {"--show-personal", "aggregate", "show", "acct-1"});
  EXPECT_EQ(whole.exit, 0) << whole.err;
  EXPECT_THAT(whole.out, HasSubstr("canary-owner-1"));
}

class Durable final : public log::Ticket {
 public:
  void OnDurable(Offset) override { done_ = true; }
  void OnFailed(const absl::Status& status) override { FAIL() << status; }
  bool done() const { return done_; }

 private:
  bool done_ = false;
};

// Somebody else writes into the log: a record whose sealed bytes are none.
void AppendGarbage(const fs::path& data, const std::string& to, internal::MessageKind kind) {
  log::EmbeddedLogOptions options;
  options.directory = (data / "log").string();
  options.clock = &Clock::System();
  options.random = &RandomSource::System();
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto log, log::OpenEmbeddedLog(options));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto topics, log->Topics());
  internal::OutcomeHeader header;
  header.id = {1, 2};
  header.kind = kind;
  if (kind != internal::MessageKind::kLedger) header.key = "acct-1";
  log::EntryBatch entries;
  internal::AppendSealed(header, std::vector<std::uint8_t>(24, 'x'), &entries);
  const auto durable = std::make_shared<Durable>();
  for (const log::TopicInfo& topic : topics) {
    if (topic.settings.name != to) continue;
    ASSERT_THAT(log->Append({topic.number, 0}, log::EntryWalk(entries.words()).Next(), durable,
                            /*wake=*/true),
                IsOk());
  }
  while (!durable->done() && log->Step()) {
  }
  ASSERT_TRUE(durable->done());
  ASSERT_THAT(log->Close(), IsOk());
}

// The form is checked, with keys and without.
TEST_F(PersonalTest, WhatIsMalformedIsUnreadable) {
  AppendGarbage(data_, "accounts-commands", internal::MessageKind::kRejection);
  for (const std::string option : {"--show-personal", "-ondjson"}) {
    const Ran ran = CommanderWithKeys(
        data_, {option, "log", "read", "--partition", "0", "--topic", "accounts-commands"});
    EXPECT_EQ(ran.exit, 1);
    EXPECT_THAT(ran.out, HasSubstr(R"("data":null,"undecoded":"not a sealed struct)"));
  }
  const Ran verify = Commander(data_, {"store", "verify"});
  EXPECT_EQ(verify.exit, 1);
  EXPECT_THAT(verify.out, HasSubstr("not a sealed struct"));
}

// Who was erased is not guessed where the ledger does not say.
TEST_F(PersonalTest, ADamagedLedgerIsSaid) {
  AppendGarbage(data_, "commander-ledger", internal::MessageKind::kLedger);
  for (const std::vector<std::string>& verb :
       {std::vector<std::string>{"log", "read", "--key", "acct-1"}, {"aggregate", "list"}}) {
    const Ran masked = Commander(data_, verb);
    EXPECT_EQ(masked.exit, 1);
    EXPECT_THAT(masked.out, HasSubstr(kSealed));
    EXPECT_THAT(masked.err, AllOf(HasSubstr("not known of all whether they were erased: LEDGER: "),
                                  HasSubstr("commander-ledger[0] offset 1")));
  }
  const Ran shown = CommanderWithKeys(data_, {"--show-personal", "aggregate", "list"});
  EXPECT_EQ(shown.exit, 2);
  EXPECT_THAT(shown.err, HasSubstr("commander: LEDGER: "));
  const Ran verify = Commander(data_, {"store", "verify"});
  EXPECT_EQ(verify.exit, 1);
  EXPECT_THAT(verify.out, HasSubstr(R"("at":"commander-ledger","what":"LEDGER: )"));
}

}  // namespace
}  // namespace commander::test
