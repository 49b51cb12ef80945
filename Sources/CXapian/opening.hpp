#pragma once

#include <xapian.h>

#include <string>
#include <unistd.h>

/// Opens a database for writing. Other writers are kept out by the group's lock: where Xapian's own is taken, a process
/// that this one is starting has it, as it shares all files until it executes. That passes.
inline Xapian::WritableDatabase open_writable(const std::string &path, int flags) {
  constexpr int attempts_most = 250;
  constexpr useconds_t pause = 20'000;
  for (int attempt = 1;; attempt++) {
    try {
      return Xapian::WritableDatabase(path, flags | Xapian::DB_BACKEND_GLASS);
    } catch (const Xapian::DatabaseLockError &) {
      if (attempt == attempts_most) throw;
      usleep(pause);
    }
  }
}
