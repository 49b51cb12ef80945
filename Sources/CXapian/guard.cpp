#include "guard.hpp"

#include <xapian.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <new>

static int leave(cx_error *error, cx_status status, const std::string &message) noexcept {
  if (error) {
    std::free(error->message);
    error->message = strdup(message.c_str());  // NULL when memory is short: the status still tells
  }
  return status;
}

/// An opening that failed for want of files, memory or rights is not damage; Xapian then quotes the system.
static cx_status opening_status(const Xapian::Error &failure) noexcept {
  const char *system = failure.get_error_string();
  return system && std::strcmp(system, std::strerror(ENOENT)) != 0 ? CX_IO : CX_DAMAGED;
}

int translate(cx_error *error) noexcept {
  try {
    try {
      throw;
    } catch (const Failure &x) {
      return leave(error, x.status, x.message);
    } catch (const Xapian::DatabaseModifiedError &x) {
      return leave(error, CX_MODIFIED, x.get_description());
    } catch (const Xapian::DatabaseLockError &x) {
      return leave(error, CX_LOCKED, x.get_description());
    } catch (const Xapian::DatabaseNotFoundError &x) {
      return leave(error, CX_NOT_FOUND, x.get_description());
    } catch (const Xapian::DatabaseCorruptError &x) {
      return leave(error, CX_DAMAGED, x.get_description());
    } catch (const Xapian::DatabaseVersionError &x) {
      return leave(error, CX_DAMAGED, x.get_description());
    } catch (const Xapian::DatabaseOpeningError &x) {
      return leave(error, opening_status(x), x.get_description());
    } catch (const Xapian::DatabaseError &x) {
      // Without the system's words it is a file that ends early.
      return leave(error, x.get_error_string() ? CX_IO : CX_DAMAGED, x.get_description());
    } catch (const Xapian::RangeError &x) {
      return leave(error, CX_DAMAGED, x.get_description());
    } catch (const Xapian::SerialisationError &x) {
      return leave(error, CX_DAMAGED, x.get_description());
    } catch (const Xapian::Error &x) {
      return leave(error, CX_FAILED, x.get_description());
    } catch (const std::bad_alloc &) {
      return leave(error, CX_NO_MEMORY, "out of memory");
    } catch (const std::exception &x) {
      return leave(error, CX_FAILED, x.what());
    } catch (...) {
      return leave(error, CX_FAILED, "unknown exception");
    }
  } catch (...) {
    // Describing the failure failed: memory is short.
    return CX_NO_MEMORY;
  }
}

void throw_errno(const char *what) { throw Failure{CX_IO, std::string(what) + ": " + std::strerror(errno)}; }

std::string ByteCursor::term() {
  size_t length = number<uint8_t>();
  require(length);
  size_t zeros = size_t(std::count(at, at + length, uint8_t(0)));
  if (length == 0 || length > CX_TERM_BYTES_MAX || length + zeros > CX_TERM_KEY_BYTES_MAX) {
    throw Failure{status, "a term Xapian cannot store"};
  }
  at += length;
  return std::string(reinterpret_cast<const char *>(at - length), length);
}

extern "C" {

void cx_error_clear(cx_error *error) noexcept {
  std::free(error->message);
  error->message = nullptr;
}

void cx_bytes_free(cx_bytes *bytes) noexcept {
  std::free(bytes->bytes);
  *bytes = cx_bytes{nullptr, 0};
}

int64_t cx_clock(void) noexcept {
  auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}
}
