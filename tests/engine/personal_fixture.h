// personal_fixture.h: an engine on a bank with personal fields (personal.capnp).
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "commander/commander.h"
#include "tests/engine/bank_fixture.h"
#include "tests/engine/personal.capnp.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace commander::test {

struct Customer {  // own state
  using Schema = personal::Account;
  using Events = commander::Events<personal::Opened, personal::Deposited, personal::Renamed,
                                   personal::Referred>;
  std::string owner;
  std::int64_t cents = 0;

  void Load(Schema::Reader stored) {
    owner = stored.getOwner().cStr();
    cents = stored.getCents();
  }
  void Save(Schema::Builder stored) const {
    stored.setOwner(owner.c_str());
    stored.setCents(cents);
  }
  void Apply(personal::Opened::Reader event) { owner = event.getOwner().cStr(); }
  void Apply(personal::Deposited::Reader event) { cents += event.getCents(); }
  void Apply(personal::Renamed::Reader event) {
    if (event.getPoison()) throw std::runtime_error("no " + std::string(event.getOwner().cStr()));
    owner = event.getOwner().cStr();
  }
  void Apply(personal::Referred::Reader) {}
};

struct CustomerRow {
  using Schema = personal::Customer;
  using Events = commander::Events<personal::Opened, personal::Renamed>;
  std::string owner;
  std::uint32_t accounts = 0;

  void Load(Schema::Reader stored) {
    owner = stored.getOwner().cStr();
    accounts = stored.getAccounts();
  }
  void Save(Schema::Builder stored) const {
    stored.setOwner(owner.c_str());
    stored.setAccounts(accounts);
  }
  template <class Event>
  static Keys KeysOf(Event, const EventMetadata& metadata) {
    return metadata.subject;
  }
  void Apply(personal::Opened::Reader event, const EventMetadata&) {
    owner = event.getOwner().cStr();
    ++accounts;
  }
  void Apply(personal::Renamed::Reader event, const EventMetadata&) {
    owner = event.getOwner().cStr();
  }
};

inline constexpr char kCanary[] = "canary-Ada-Lovelace";

// Whether some file below the directory holds the text, byte for byte.
inline bool Holds(const std::filesystem::path& directory, std::string_view text) {
  for (const auto& file : std::filesystem::recursive_directory_iterator(directory)) {
    if (!file.is_regular_file()) continue;
    std::ifstream in(file.path(), std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    if (bytes.find(text) != std::string::npos) return true;
  }
  return false;
}

class PersonalTest : public ::testing::Test {
 protected:
  using CustomerView = View<Customer>;

  PersonalTest() {
    options_.data_directory = data().string();
    options_.kek_file = (dir_ / "kek").string();
    options_.log_sink = log_.Sink();
  }
  ~PersonalTest() override {
    Close();
    if (!HasFailure()) return;
    for (const std::string& message : log_.Messages(LogLevel::kInfo)) std::cerr << message << "\n";
  }

  std::filesystem::path data() const { return dir_ / "data"; }

  absl::Status TryOpen() {
    Close();
    accounts_ = std::make_unique<Group<Customer>>("accounts", GroupOptions{.partitions = 2});
    AddHandlers();
    customers_ = std::make_unique<Projection<CustomerRow>>("customers", *accounts_);
    auto engine = Engine::Open(options_, {accounts_.get(), customers_.get()});
    if (!engine.ok()) return engine.status();
    engine_ = *std::move(engine);
    return absl::OkStatus();
  }
  void Open() { ASSERT_THAT(TryOpen(), IsOk()); }
  void Close() {
    if (engine_ == nullptr) return;
    EXPECT_THAT(engine_->Close(), IsOk());
    engine_.reset();
  }
  void DeleteStores() {
    Close();
    std::filesystem::remove_all(data() / "store");
    std::filesystem::remove_all(data() / "projections");
  }

  void AddHandlers() {
    accounts_->OnCommand([this](personal::Open::Reader command,
                                const CustomerView& view) -> Decision<personal::Opened> {
      in_handler_();
      if (view.Exists()) return Nothing();
      return Emit<personal::Opened>([&](auto event) {
        event.setOwner(command.getOwner());
        event.setBranch("north");
      });
    });
    accounts_->OnCommand([this](personal::Deposit::Reader command,
                                const CustomerView& view) -> Decision<personal::Deposited> {
      in_handler_();
      seen_owner_ = view->owner;
      seen_erased_ = view.Erased();
      return Emit<personal::Deposited>([&](auto event) { event.setCents(command.getCents()); });
    });
    accounts_->OnCommand(
        [](personal::Rename::Reader command, const CustomerView&) -> Decision<personal::Renamed> {
          const std::string owner = command.getOwner().cStr();
          if (command.getHow() == personal::Rename::How::REJECT)
            return Reject("refused", "never " + owner);
          if (command.getHow() == personal::Rename::How::THROW)
            throw std::runtime_error("not " + owner);
          return Emit<personal::Renamed>([&](auto event) {
            event.setOwner(owner.c_str());
            event.setPoison(command.getHow() == personal::Rename::How::THROW_IN_FOLD);
          });
        });
    accounts_->OnCommand([](personal::Scold::Reader, const CustomerView& view) -> Decision<> {
      throw std::runtime_error("shame on " + view->owner);
    });
    accounts_->OnCommand(
        [](personal::Refer::Reader command, const CustomerView&) -> Decision<personal::Referred> {
          return Emit<personal::Referred>([&](auto event) { event.setEmail(command.getEmail()); });
        });
  }

  absl::StatusOr<Outcome> OpenAccount(std::string_view key, std::string_view owner,
                                      const CommandOptions& options = {}) {
    return engine_->SyncCommand<personal::Open>(
        *accounts_, key, [&](auto command) { command.setOwner(std::string(owner).c_str()); },
        options);
  }
  absl::StatusOr<Outcome> Deposit(std::string_view key, std::int64_t cents) {
    return engine_->SyncCommand<personal::Deposit>(*accounts_, key,
                                                   [&](auto command) { command.setCents(cents); });
  }
  absl::StatusOr<Outcome> Rename(std::string_view key, std::string_view owner,
                                 personal::Rename::How how = personal::Rename::How::EMIT) {
    return engine_->SyncCommand<personal::Rename>(*accounts_, key, [&](auto command) {
      command.setOwner(std::string(owner).c_str());
      command.setHow(how);
    });
  }
  absl::StatusOr<ErasureReceipt> Erase(std::string_view key) {
    return engine_->privacy().Erase({"accounts", std::string(key)}, "asked for it");
  }
  // The owner as the next handler sees it.
  std::string OwnerOf(std::string_view key) {
    EXPECT_THAT(Deposit(key, 1), HasKind(OutcomeKind::kEvents));
    return seen_owner_;
  }
  std::optional<CustomerRow> RowOf(std::string_view pseudonym, const Position& at_least = {}) {
    auto row = engine_->Get(*customers_, pseudonym, {.at_least = at_least});
    EXPECT_THAT(row, IsOk());
    return row.ok() ? *row : std::nullopt;
  }

  TempDir dir_;
  LogLines log_;
  EngineOptions options_;
  std::function<void()> in_handler_ = [] {};
  std::string seen_owner_;
  bool seen_erased_ = false;
  std::unique_ptr<Group<Customer>> accounts_;
  std::unique_ptr<Projection<CustomerRow>> customers_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace commander::test
