#include "engine/fixture_keys.h"

#include <algorithm>
#include <array>

#include "crypto/key_primitives.h"

namespace commander::internal {
namespace {

using crypto::AsBytes;
using crypto::Bytes;
using crypto::Kid;

// The namespace cannot run into the id: its length is in the key.
Kid KidOf(const crypto::Subject& subject) {
  const std::string label = "fixture kid " + std::to_string(subject.name_space.size());
  return {crypto::Blake2b<32>(AsBytes(label), {AsBytes(subject.name_space), AsBytes(subject.id)})};
}

crypto::ErasureReceipt ReceiptOf(const Kid& kid) {
  crypto::ErasureReceipt receipt;
  std::copy_n(kid.bytes.begin(), receipt.id.bytes.size(), receipt.id.bytes.begin());
  receipt.kids = {kid};
  receipt.stage = crypto::ErasureStage::kDone;
  return receipt;
}

}  // namespace

absl::StatusOr<Kid> FixtureKeys::KidFor(const crypto::Subject& subject) {
  const Kid kid = KidOf(subject);
  if (erasures_.Has(kid)) return absl::FailedPreconditionError("the subject was erased");
  return kid;
}

absl::StatusOr<std::optional<Kid>> FixtureKeys::FindKid(const crypto::Subject& subject) {
  return std::optional<Kid>(KidOf(subject));
}

absl::Status FixtureKeys::Use(const Kid& kid,
                              absl::FunctionRef<void(const crypto::KeyAnswer&)> use) {
  crypto::KeyAnswer answer;
  if (erasures_.Has(kid)) {
    answer.state = crypto::KeyAnswer::State::kErased;
    answer.erasure = ReceiptOf(kid).id;
    use(answer);
    return absl::OkStatus();
  }
  const auto key = crypto::Blake2b<crypto::kKeyBytes>(AsBytes("fixture key"), {Bytes(kid.bytes)});
  answer.state = crypto::KeyAnswer::State::kHeld;
  answer.key = key.data();
  use(answer);
  return absl::OkStatus();
}

crypto::PlaceTag FixtureKeys::TagOf(std::span<const std::uint8_t> associated_data) const {
  return crypto::Blake2b<std::tuple_size_v<crypto::PlaceTag>>(AsBytes("fixture tag"),
                                                              {associated_data});
}

absl::StatusOr<crypto::ErasureReceipt> FixtureKeys::Erase(const crypto::Subject& subject,
                                                          std::string_view) {
  const Kid kid = KidOf(subject);
  erasures_.kids.insert(kid);
  return ReceiptOf(kid);
}

absl::StatusOr<crypto::SubjectStatus> FixtureKeys::Status(const crypto::Subject& subject) {
  crypto::SubjectStatus status;
  status.kid = KidOf(subject);
  status.state = crypto::SubjectStatus::State::kActive;
  if (erasures_.Has(*status.kid)) {
    status.state = crypto::SubjectStatus::State::kErased;
    status.erasure = ReceiptOf(*status.kid);
  }
  return status;
}

absl::StatusOr<std::vector<crypto::ErasureReceipt>> FixtureKeys::Erasures() {
  std::vector<crypto::ErasureReceipt> receipts;
  for (const Kid& kid : erasures_.kids) receipts.push_back(ReceiptOf(kid));
  return receipts;
}

}  // namespace commander::internal
