#pragma once

#include "reader.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

/// A set of documents, a bit each, in blocks of 65,536 of which only those are kept that hold any.
class DocumentSet {
public:
  void add(Xapian::docid document) {
    size_t place = document >> 16;
    if (place >= blocks.size()) blocks.resize(place + 1);
    if (!blocks[place]) blocks[place] = std::make_unique<Block>();
    uint64_t &word = (*blocks[place])[(document & 0xFFFF) >> 6];
    uint64_t bit = uint64_t(1) << (document & 63);
    if (!(word & bit)) count++;
    word |= bit;
  }

  bool contains(Xapian::docid document) const {
    size_t place = document >> 16;
    if (place >= blocks.size() || !blocks[place]) return false;
    return ((*blocks[place])[(document & 0xFFFF) >> 6] >> (document & 63) & 1) != 0;
  }

  /// The first one that is no lower; 0: there is none.
  Xapian::docid first(Xapian::docid from) const {
    for (size_t place = from >> 16; place < blocks.size(); place++, from = Xapian::docid(place << 16)) {
      if (!blocks[place]) continue;
      const Block &block = *blocks[place];
      size_t at = (from & 0xFFFF) >> 6;
      uint64_t rest = block[at] & (~uint64_t(0) << (from & 63));
      while (rest == 0 && ++at < block.size()) rest = block[at];
      if (rest != 0) return Xapian::docid(place << 16 | at << 6 | size_t(__builtin_ctzll(rest)));
    }
    return 0;
  }

  Xapian::doccount size() const { return count; }

private:
  using Block = std::array<uint64_t, 1024>;

  std::vector<std::unique_ptr<Block>> blocks;
  Xapian::doccount count = 0;
};

/// A set of documents as a list for Xapian.
template <typename Set>
class SetSource : public Xapian::PostingSource {
public:
  explicit SetSource(Set &&documents) : documents(std::move(documents)) {}

  void init(const Xapian::Database &) override {
    current = 0;
    is_at_end = false;
  }
  Xapian::doccount get_termfreq_min() const override { return documents.size(); }
  Xapian::doccount get_termfreq_est() const override { return documents.size(); }
  Xapian::doccount get_termfreq_max() const override { return documents.size(); }
  void next(double) override { seek(current + 1); }
  void skip_to(Xapian::docid document, double) override { seek(std::max(document, current)); }
  /// After one that failed `current` is only how far the list has come.
  bool check(Xapian::docid document, double) override {
    current = std::max(document, current);
    return documents.contains(current);
  }
  bool at_end() const override { return is_at_end; }
  Xapian::docid get_docid() const override { return current; }
  std::string get_description() const override { return "Documents"; }

private:
  void seek(Xapian::docid document) {
    current = documents.first(document);
    is_at_end = current == 0;
  }

  Set documents;
  Xapian::docid current = 0;
  bool is_at_end = false;
};

/// As a query, which owns it.
template <typename Set>
Xapian::Query query_of(Set documents) {
  auto source = std::make_unique<SetSource<Set>>(std::move(documents));
  return Xapian::Query(source.release()->release());
}
