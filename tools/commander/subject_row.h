// subject_row.h: what is known of a subject, as a row.  Its id is not in it: the number says which.
#pragma once

#include <cstddef>
#include <string_view>

#include "crypto/erasure.h"
#include "tools/commander/row.h"

namespace commander::cli {

std::string_view NameOf(crypto::SubjectStatus::State state);

// `number`: which of those that were given, from 1.
Row RowOf(std::size_t number, const crypto::SubjectStatus& status);

// The cells erasure, requested, destroyed and completed.
void AppendReceipt(const crypto::ErasureReceipt& receipt, Row* row);

}  // namespace commander::cli
