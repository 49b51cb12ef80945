#pragma once

#include "columns.hpp"
#include "dense.hpp"
#include "readable.hpp"
#include "sidecar.hpp"
#include "tombstones.hpp"

#include <memory>

#include <xapian.h>

/// The feed position the database's documents stand at: written in the transaction that wrote them.
int64_t read_position(const Xapian::Database &database);

/// One generation: the hot one, which has a `sidecar` and is written to; one that was, until it is sealed, with
/// `sidecar` and `tombstones`; or a sealed one with `columns` and `tombstones`.
struct cx_reader {
  cx_reader(const std::string &path, bool is_hot);

  /// Moves on to the newest revision, and to the deletions that count at the feed position of the hot generation.
  void refresh(int64_t hot_position);

  /// False if there is no such document, or it was deleted.
  bool at(Xapian::docid document, Entry &out) const {
    return records->at(document, out) && !(tombstones && tombstones->contains(document));
  }

  bool is_hot() const { return tombstones == nullptr; }
  bool is_sealed() const { return sidecar == nullptr; }
  /// Null where the term has none, deleted documents among its own.
  const DenseTerm *dense_term(const std::string &term) const { return dense ? dense->find(term) : nullptr; }
  /// Documents that hold the term, deleted ones among them.
  Xapian::doccount holders(const std::string &term) const {
    const DenseTerm *known = dense_term(term);
    return known ? known->count : database.get_termfreq(term);
  }
  /// Read once a revision: it lies in the database, so a search would pay for a look into the B-tree.
  int64_t position() const {
    if (known_position < 0) known_position = read_position(database);
    return known_position;
  }

  Xapian::Database database;
  std::unique_ptr<Records> records;
  /// `records`, unless the generation is sealed.
  SidecarMap *sidecar = nullptr;
  std::unique_ptr<Tombstones> tombstones;
  /// Null where the generation is not sealed, or was sealed before there were any.
  std::unique_ptr<DenseTerms> dense;
  mutable ReadableConversations readable;

private:
  mutable int64_t known_position = -1;
};
