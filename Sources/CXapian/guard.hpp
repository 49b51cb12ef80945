#pragma once

#include "CXapian.h"

#include <cstdint>
#include <cstring>
#include <string>

/// A failure of the shim's own, on its way to the guard.
struct Failure {
  cx_status status;
  std::string message;
};

/// `CX_IO` with what the system says of `errno`.
[[noreturn]] void throw_errno(const char *what);

/// Maps the exception in flight to a status and leaves its message in `error`.
int translate(cx_error *error) noexcept;

/// The one way in: whatever `body` throws becomes a status.
template <typename Body>
int guarded(cx_error *error, Body body) noexcept {
  try {
    body();
    return CX_OK;
  } catch (...) {
    return translate(error);
  }
}

/// Reads the byte forms of CXapian.h; every read is checked against the end.
class ByteCursor {
public:
  ByteCursor(const uint8_t *bytes, size_t count, cx_status status)
      : at(bytes), end(bytes + count), status(status) {}

  bool at_end() const { return at == end; }

  template <typename Number>
  Number number() {
    Number value;
    require(sizeof value);
    std::memcpy(&value, at, sizeof value);
    at += sizeof value;
    return value;
  }

  /// The next byte, left where it is.
  uint8_t peek() const {
    require(1);
    return *at;
  }

  /// A term with its length byte, refused unless Xapian can store it.
  std::string term();

private:
  void require(size_t count) const {
    if (size_t(end - at) < count) throw Failure{status, "ends early"};
  }

  const uint8_t *at, *end;
  cx_status status;
};
