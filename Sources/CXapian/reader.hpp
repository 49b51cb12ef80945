#pragma once

#include "sidecar.hpp"

#include <xapian.h>

/// The feed position the database's documents stand at: written in the transaction that wrote them.
int64_t read_position(const Xapian::Database &database);

struct cx_reader {
  explicit cx_reader(const std::string &path) : database(path, Xapian::DB_BACKEND_GLASS) { sidecar.open(path); }

  /// Database first: a record is written before its document is committed, so the mapping then covers all.
  void refresh() {
    database.reopen();
    sidecar.refresh();
  }

  int64_t position() const { return read_position(database); }

  Xapian::Database database;
  SidecarMap sidecar;
};
