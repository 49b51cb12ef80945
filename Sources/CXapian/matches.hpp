#pragma once

#include "reader.hpp"
#include "scope.hpp"

#include <functional>

/// Hands every match in scope to `take`, lower ids first, until it returns false. The cursor and the limits of the
/// search are the caller's business.
void each_match(const cx_reader &reader, const cx_search &search, Deadline &deadline,
                const std::function<bool(Xapian::docid, const Entry &)> &take);
