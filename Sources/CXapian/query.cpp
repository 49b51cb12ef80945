#include "query.hpp"

#include <vector>

namespace {

enum Tag : uint8_t { term = 1, phrase, near, prefix, all, any, negation, everything };

/// A new one each time: copies of the global Xapian::Query::MatchAll share a reference count that is not atomic, so
/// threads that search at once would free it.
Xapian::Query match_all() { return Xapian::Query(std::string()); }

class TreeReader {
public:
  TreeReader(ByteCursor cursor, bool has_positions) : cursor(cursor), has_positions(has_positions) {}

  Xapian::Query tree(int depth = 1) {
    if (depth > CX_TREE_DEPTH_MAX) throw Failure{CX_BAD_QUERY, "nested too deeply"};
    switch (cursor.number<uint8_t>()) {
      case Tag::term: return Xapian::Query(cursor.term());
      case Tag::phrase: return words(Xapian::Query::OP_PHRASE, 0);
      case Tag::near: return words(Xapian::Query::OP_NEAR, cursor.number<uint32_t>());
      case Tag::prefix:
        return Xapian::Query(Xapian::Query::OP_WILDCARD, cursor.term(), CX_PREFIX_EXPANSIONS_MAX,
                             Xapian::Query::WILDCARD_LIMIT_ERROR);
      case Tag::all: return conjunction(depth);
      case Tag::any: return disjunction(depth);
      case Tag::negation: return none_of({tree(depth + 1)});
      case Tag::everything: return match_all();
      default: throw Failure{CX_BAD_QUERY, "an unknown node"};
    }
  }

  bool at_end() const { return cursor.at_end(); }

private:
  /// Words at places that go together; `window` 0 means side by side.
  Xapian::Query words(Xapian::Query::op op, uint32_t window) {
    std::vector<Xapian::Query> parts;
    for (uint16_t rest = cursor.number<uint16_t>(); rest > 0; rest--) parts.emplace_back(cursor.term());
    if (parts.empty() || parts.size() > CX_WINDOW_MAX || window > CX_WINDOW_MAX) {
      throw Failure{CX_BAD_QUERY, "a phrase without words, or out of reach"};
    }
    if (parts.size() == 1) return parts[0];
    // Xapian answers AND where no document has positions: more than was asked for.
    if (!has_positions) return Xapian::Query();
    return Xapian::Query(op, parts.begin(), parts.end(), window);
  }

  /// Negations are gathered into one AND_NOT, which Xapian runs as a check on the others' matches.
  Xapian::Query conjunction(int depth) {
    std::vector<Xapian::Query> wanted, unwanted;
    for (uint16_t rest = cursor.number<uint16_t>(); rest > 0; rest--) {
      if (cursor.peek() == Tag::negation) {
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
  bool has_positions;
};

}  // namespace

Xapian::Query read_query(const uint8_t *tree, size_t count, const Xapian::Database &database) {
  TreeReader reader(ByteCursor(tree, count, CX_BAD_QUERY), database.has_positions());
  Xapian::Query query = reader.tree();
  if (!reader.at_end()) throw Failure{CX_BAD_QUERY, "more than one tree"};
  return query;
}
