#include "tools/commander/subject_row.h"

#include <cstdint>

#include "tools/commander/time_text.h"

namespace commander::cli {
namespace {

void AppendTime(std::string_view name, std::int64_t time_ns, Row* row) {
  if (time_ns == 0) {
    row->Null(name);
  } else {
    row->Text(name, PrintTime(time_ns));
  }
}

}  // namespace

std::string_view NameOf(crypto::SubjectStatus::State state) {
  using State = crypto::SubjectStatus::State;
  switch (state) {
    case State::kNone:
      return "unknown";
    case State::kActive:
      return "active";
    case State::kFenced:
      return "erasing";
    case State::kErased:
      return "erased";
  }
  return "unknown";
}

void AppendReceipt(const crypto::ErasureReceipt& receipt, Row* row) {
  row->Text("erasure", receipt.id.ToString());
  AppendTime("requested", receipt.fenced_ns, row);
  AppendTime("destroyed", receipt.destroyed_ns, row);
  AppendTime("completed", receipt.completed_ns, row);
}

Row RowOf(std::size_t number, const crypto::SubjectStatus& status) {
  Row row;
  row.Number("number", static_cast<std::uint32_t>(number)).Text("state", NameOf(status.state));
  if (status.kid.has_value()) {
    row.Text("subject", status.kid->ToString());
  } else {
    row.Null("subject");
  }
  if (status.erasure.has_value()) {
    AppendReceipt(*status.erasure, &row);
  } else {
    row.Null("erasure").Null("requested").Null("destroyed").Null("completed");
  }
  return row;
}

}  // namespace commander::cli
