#pragma once

#include "files.hpp"
#include "guard.hpp"

#include <string>
#include <vector>

#include <xapian.h>

/// The documents of a generation that hold a term, a bit each: bit d % 64 of word d / 64 for document d.
struct DenseTerm {
  const uint8_t *words = nullptr;
  /// Bits beyond it are zero.
  Xapian::docid last = 0;
  Xapian::doccount count = 0;

  Xapian::doccount size() const { return count; }
  uint64_t word(size_t place) const {
    uint64_t value;
    std::memcpy(&value, words + place * 8, 8);
    return value;
  }
  bool contains(Xapian::docid document) const {
    return document <= last && (word(document >> 6) >> (document & 63) & 1) != 0;
  }
  /// Counted, where `count` is what the file states.
  Xapian::doccount ones() const;
  /// The first one that is no lower; 0: there is none.
  Xapian::docid first(Xapian::docid from) const;
};

/// Bitmaps of a sealed generation's most frequent terms, in the file `dense` (Schemas/formats/index-v2.md). Xapian goes
/// through every posting up to the one that is asked for: of a common word in few conversations that is most of a
/// search's time. Written once, covered by the generation's manifest.
///
/// header · for each term u32 documents that hold it, u8 length, bytes; rising · zero bytes up to a multiple of 8 · for
/// each term the words of documents 0 to n.
struct DenseHeader {
  char magic[8];
  uint32_t documents, terms, table_bytes, reserved;
};
static_assert(sizeof(DenseHeader) == 24, "the file's form");

class DenseTerms {
public:
  /// Terms of every sixteenth document and more: a bitmap takes at most twice what its postings do.
  static constexpr Xapian::doccount share = 16;
  static constexpr size_t terms_most = 256;

  explicit DenseTerms(const std::string &directory);

  static bool exists(const std::string &directory);
  /// For documents 1 to their count. Synced.
  static void write(const std::string &directory, const Xapian::Database &database);

  /// Null if the term is not one of them.
  const DenseTerm *find(const std::string &term) const;
  size_t count() const { return terms.size(); }

private:
  MappedFile file;
  /// Rising.
  std::vector<std::string> names;
  std::vector<DenseTerm> terms;
};
