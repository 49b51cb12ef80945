#include "query.hpp"

#include <vector>

namespace {

enum class Tag : uint8_t { term = 1, phrase, near, prefix, all, any, negation, everything };

/// A new one each time: copies of the global Xapian::Query::MatchAll share a reference count that is not atomic, so
/// threads that search at once would free it.
Xapian::Query match_all() { return Xapian::Query(std::string()); }

class TreeReader {
public:
  TreeReader(ByteCursor cursor, const Xapian::Database &database) : cursor(cursor), database(database) {}

  Xapian::Query tree(int depth = 1) {
    if (depth > CX_TREE_DEPTH_MAX) throw Failure{CX_BAD_QUERY, "nested too deeply"};
    switch (Tag(cursor.number<uint8_t>())) {
      case Tag::term: return term(cursor.term());
      case Tag::phrase: return words(Xapian::Query::OP_PHRASE, 0);
      case Tag::near: return words(Xapian::Query::OP_NEAR, cursor.number<uint32_t>());
      case Tag::prefix: return prefix(cursor.term());
      case Tag::all: return conjunction(depth);
      case Tag::any: return disjunction(depth);
      case Tag::negation: return none_of({tree(depth + 1)});
      case Tag::everything: return match_all();
      default: throw Failure{CX_BAD_QUERY, "an unknown node"};
    }
  }

  bool at_end() const { return cursor.at_end(); }

private:
  bool is_in_every_document(const std::string &term) const {
    return database.get_termfreq(term) == database.get_doccount();
  }

  /// Without weights Xapian 1.4.22 reads a term that every document holds from the list of all documents, and takes
  /// the end of that list's first block for damage where ids do not start at 1. Asked for as what it is, that list is
  /// read well.
  Xapian::Query term(const std::string &term) const {
    return is_in_every_document(term) ? match_all() : Xapian::Query(term);
  }

  Xapian::Query prefix(const std::string &prefix) const {
    uint32_t rest = CX_PREFIX_EXPANSIONS_MAX;
    for (auto at = database.allterms_begin(prefix); at != database.allterms_end(prefix) && rest > 0; ++at, --rest) {
      if (is_in_every_document(*at)) return match_all();
    }
    return Xapian::Query(Xapian::Query::OP_WILDCARD, prefix, CX_PREFIX_EXPANSIONS_MAX,
                         Xapian::Query::WILDCARD_LIMIT_ERROR);
  }

  /// Words at places that go together; `window` 0 means side by side.
  Xapian::Query words(Xapian::Query::op op, uint32_t window) {
    std::vector<std::string> parts;
    for (uint16_t rest = cursor.number<uint16_t>(); rest > 0; rest--) parts.push_back(cursor.term());
    if (parts.empty() || parts.size() > CX_WINDOW_MAX || window > CX_WINDOW_MAX) {
      throw Failure{CX_BAD_QUERY, "a phrase without words, or out of reach"};
    }
    if (parts.size() == 1) return term(parts[0]);
    // Xapian answers AND where no document has positions: more than was asked for.
    if (!database.has_positions()) return Xapian::Query();
    return Xapian::Query(op, parts.begin(), parts.end(), window);
  }

  /// Negations are gathered into one AND_NOT, which Xapian runs as a check on the others' matches.
  Xapian::Query conjunction(int depth) {
    std::vector<Xapian::Query> wanted, unwanted;
    for (uint16_t rest = cursor.number<uint16_t>(); rest > 0; rest--) {
      if (Tag(cursor.peek()) == Tag::negation) {
        cursor.number<uint8_t>();
        unwanted.push_back(tree(depth + 2));
      } else {
        wanted.push_back(tree(depth + 1));
      }
    }
    if (wanted.empty()) return none_of(unwanted);
    Xapian::Query both(Xapian::Query::OP_AND, wanted.begin(), wanted.end());
    return unwanted.empty() ? both : Xapian::Query(Xapian::Query::OP_AND_NOT, both, one_of(unwanted));
  }

  Xapian::Query disjunction(int depth) {
    std::vector<Xapian::Query> parts;
    for (uint16_t rest = cursor.number<uint16_t>(); rest > 0; rest--) parts.push_back(tree(depth + 1));
    return one_of(parts);
  }

  static Xapian::Query one_of(const std::vector<Xapian::Query> &parts) {
    return Xapian::Query(Xapian::Query::OP_OR, parts.begin(), parts.end());
  }

  static Xapian::Query none_of(const std::vector<Xapian::Query> &parts) {
    Xapian::Query some = one_of(parts);
    if (some.empty()) return match_all();
    return Xapian::Query(Xapian::Query::OP_AND_NOT, match_all(), some);
  }

  ByteCursor cursor;
  const Xapian::Database &database;
};

}  // namespace

Xapian::Query read_query(const uint8_t *tree, size_t count, const Xapian::Database &database) {
  TreeReader reader(ByteCursor(tree, count, CX_BAD_QUERY), database);
  Xapian::Query query = reader.tree();
  if (!reader.at_end()) throw Failure{CX_BAD_QUERY, "more than one tree"};
  return query;
}
