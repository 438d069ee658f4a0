#include "tests/process/client.h"

#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/process/report.h"

namespace commander::test {
namespace {

constexpr std::uint64_t kNumbers = 600;
constexpr std::uint64_t kWays = 3;  // to send a command
constexpr std::uint64_t kSync = 0;
constexpr std::uint64_t kAsync = 1;

}  // namespace

struct Client::Request {
  enum Kind { kOpen, kDeposit, kWithdraw, kClose };
  Kind kind = kOpen;
  std::string key;
  std::int64_t cents = 0;
  CommandOptions options;

  const char* type() const {
    static constexpr const char* kTypes[] = {"bank.Open", "bank.Deposit", "bank.Withdraw",
                                             "bank.Close"};
    return kTypes[kind];
  }
};

std::string ClientKey(std::uint64_t number) { return absl::StrCat("acct-", number); }

Client::Client(Engine& engine, const Group<Account>& accounts, std::string name, std::uint64_t seed)
    : engine_(engine), accounts_(accounts), name_(std::move(name)), random_(seed) {}

Client::Request Client::Numbered(std::uint64_t number) {
  std::mt19937_64 random(number);
  static constexpr Request::Kind kKinds[] = {
      Request::kOpen,     Request::kDeposit,  Request::kDeposit,  Request::kDeposit,
      Request::kWithdraw, Request::kWithdraw, Request::kWithdraw, Request::kClose};
  Request request;
  request.kind = kKinds[random() % std::size(kKinds)];
  request.key = ClientKey(random() % kClientKeys);
  request.cents = static_cast<std::int64_t>(1 + random() % 100);
  request.options.id = absl::StrCat("order-", number);
  return request;
}

void Client::Send() {
  Request request = Numbered(Below(kNumbers));
  if (Below(2) == 0) {
    request = Numbered(random_());
    request.options.id = NewKey();
  } else if (Below(20) == 0) {
    request.cents += 1000;  // another command with the same id
  }
  if (Below(10) == 0) request.options.expected = ExpectedVersion::Exactly(Below(50));
  const std::uint64_t how = Below(kWays);
  const std::int64_t cents = request.cents;
  switch (request.kind) {
    case Request::kOpen:
      return SendAs<bank::Open>(request, how, [](auto command) { command.setOwner("Ann"); });
    case Request::kDeposit:
      return SendAs<bank::Deposit>(request, how, [=](auto command) { command.setCents(cents); });
    case Request::kWithdraw:
      return SendAs<bank::Withdraw>(request, how, [=](auto command) { command.setCents(cents); });
    case Request::kClose:
      return SendAs<bank::Close>(request, how, [](auto) {});
  }
}

void Client::Open(const std::string& key) {
  Request request;
  request.key = key;
  request.options.id = NewKey();
  SendAs<bank::Open>(request, kSync, [](auto command) { command.setOwner("Bob"); });
}

template <class Command, class Fill>
void Client::SendAs(Request request, std::uint64_t how, Fill fill) {
  const std::string tag = absl::StrCat(name_, ".", ++sent_);
  request.options.actor = tag;
  request.options.timeout = absl::Minutes(5);
  Sent sent;
  sent.client = name_;
  sent.tag = tag;
  sent.key = request.key;
  sent.id = MessageId::FromText(request.options.id);
  sent.type = request.type();
  WriteLine(SentLine(sent));
  if (how == kSync) {
    return Tell(tag, engine_.SyncCommand<Command>(accounts_, request.key, fill, request.options));
  }
  const absl::StatusOr<MessageId> id =
      how == kAsync ? engine_.AsyncCommand<Command>(accounts_, request.key, fill, request.options)
                    : engine_.SendCommand<Command>(
                          accounts_, request.key, fill,
                          [this, tag](absl::StatusOr<Outcome> outcome) { Tell(tag, outcome); },
                          request.options);
  if (!id.ok()) return WriteLine(ErrorLine(tag, id.status()));
  if (how == kAsync) WriteLine(DurableLine(tag));
}

void Client::Tell(const std::string& tag, const absl::StatusOr<Outcome>& outcome) {
  WriteLine(outcome.ok() ? OutcomeLine(tag, *outcome) : ErrorLine(tag, outcome.status()));
  if (!outcome.ok()) return;
  const std::lock_guard lock(mutex_);
  last_.Merge(outcome->position());
}

Position Client::last() {
  const std::lock_guard lock(mutex_);
  return last_;
}

}  // namespace commander::test
