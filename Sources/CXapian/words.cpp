#include "words.hpp"

#include <algorithm>

namespace {

/// Lists of a prefix's terms that are kept open side by side: beyond it, going through all of them once is quicker.
constexpr size_t prefix_lists_most = 1000;

/// A hint pays off where more documents than this for each of its terms are left without it: a term is looked up in the
/// B-tree and its list read, a document that the scope refuses costs a look into memory.
constexpr uint64_t hint_worthwhile = 32;

/// Terms of which a match holds one.
struct WordSet {
  std::vector<std::string> terms;
  /// Instead of terms, until it is known that the tree asks for nothing but words.
  std::string prefix;
  /// Documents they can be in; 0: not known yet.
  Xapian::doccount most = 0;
};

class WordReader {
public:
  WordReader(ByteCursor cursor, const cx_reader &reader) : cursor(cursor), reader(reader) {}

  bool read() { return node(1) && cursor.at_end() && !sets.empty(); }

  /// Null if prefixes stand for more than lists can be kept of, or leave nothing to look for.
  std::unique_ptr<ClauseList> lists(Deadline &deadline) {
    if (!expand() || sets.empty()) return nullptr;
    // Where they have to be brought into an order, the fewest first.
    if (sets.size() + hints.size() > 1) {
      for (WordSet &set : sets) count(set);
      auto is_fewer = [](const WordSet &left, const WordSet &right) { return left.most < right.most; };
      std::sort(sets.begin(), sets.end(), is_fewer);
    }
    std::vector<Merge<TermList>> opened;
    for (const auto &hint : hints) {
      if (is_worthwhile(hint, sets[0].most)) opened.push_back(lists_of(reader, hint));
    }
    for (const WordSet &set : sets) opened.push_back(lists_of(reader, set.terms));
    return std::make_unique<ClauseList>(nullptr, 0, std::move(opened), deadline);
  }

private:
  bool node(int depth) {
    if (depth > CX_TREE_DEPTH_MAX) return false;
    switch (Tag(cursor.number<uint8_t>())) {
      case Tag::term: return add(WordSet{{cursor.term()}, {}, 0});
      case Tag::prefix: return add(WordSet{{}, cursor.term(), 0});
      case Tag::all: return all(depth);
      case Tag::any: return any();
      case Tag::hint: return hint();
      case Tag::everything: return true;
      default: return false;
    }
  }

  bool add(WordSet &&set) {
    sets.push_back(std::move(set));
    return true;
  }

  /// False if a prefix stands for too many terms. What is in every document is left out.
  bool expand() {
    std::vector<WordSet> expanded;
    for (WordSet &set : sets) {
      if (set.prefix.empty()) {
        expanded.push_back(std::move(set));
        continue;
      }
      PrefixTerms terms(reader.database, set.prefix);
      if (terms.are_too_many) return false;
      if (!terms.is_everywhere) expanded.push_back(WordSet{std::move(terms.names), {}, terms.most});
    }
    sets = std::move(expanded);
    return true;
  }

  /// Of nothing is nothing, not everything.
  bool all(int depth) {
    uint16_t rest = cursor.number<uint16_t>();
    if (rest == 0) return false;
    while (rest > 0 && node(depth + 1)) rest--;
    return rest == 0;
  }

  bool any() {
    WordSet set;
    for (uint16_t rest = cursor.number<uint16_t>(); rest > 0; rest--) {
      if (Tag(cursor.number<uint8_t>()) != Tag::term) return false;
      set.terms.push_back(cursor.term());
    }
    return add(std::move(set));
  }

  bool hint() {
    hints.emplace_back();
    for (uint16_t rest = cursor.number<uint16_t>(); rest > 0; rest--) hints.back().push_back(cursor.term());
    return true;
  }

  void count(WordSet &set) const {
    if (set.most > 0) return;
    uint64_t holders = 0;
    for (const std::string &term : set.terms) holders += reader.holders(term);
    set.most = Xapian::doccount(std::min<uint64_t>(holders, reader.database.get_doccount()));
  }

  ByteCursor cursor;
  const cx_reader &reader;
  std::vector<WordSet> sets;
  std::vector<std::vector<std::string>> hints;
};

}  // namespace

PrefixTerms::PrefixTerms(const Xapian::Database &database, const std::string &prefix) {
  uint64_t holders = 0;
  for (auto at = database.allterms_begin(prefix); at != database.allterms_end(prefix); ++at) {
    is_everywhere = at.get_termfreq() == database.get_doccount();
    are_too_many = names.size() == prefix_lists_most;
    if (is_everywhere || are_too_many) break;
    names.push_back(*at);
    holders += at.get_termfreq();
  }
  most = Xapian::doccount(std::min<uint64_t>(holders, database.get_doccount()));
}

Merge<TermList> lists_of(const cx_reader &reader, const std::vector<std::string> &terms) {
  Merge<TermList> lists;
  for (const std::string &term : terms) lists.add(std::make_unique<TermList>(reader, term));
  return lists;
}

Merge<TermList> lists_of(const cx_reader &reader, const std::vector<std::string> &terms, Xapian::doccount &most) {
  std::vector<std::string> held;
  for (const std::string &term : terms) {
    Xapian::doccount count = reader.holders(term);
    most = Xapian::doccount(std::min<uint64_t>(uint64_t(most) + count, reader.database.get_doccount()));
    if (count > 0) held.push_back(term);
  }
  return lists_of(reader, held);
}

bool is_worthwhile(const std::vector<std::string> &hint, Xapian::doccount fewest) {
  return fewest > hint_worthwhile * hint.size();
}

std::unique_ptr<ClauseList> read_words(const uint8_t *tree, size_t count, const cx_reader &reader,
                                       Deadline &deadline) {
  WordReader words(ByteCursor(tree, count, CX_BAD_QUERY), reader);
  return words.read() ? words.lists(deadline) : nullptr;
}
