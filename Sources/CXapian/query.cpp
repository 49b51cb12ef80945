#include "query.hpp"

#include "documents.hpp"
#include "words.hpp"

#include <algorithm>
#include <vector>

namespace {

/// A new one each time: copies of the global Xapian::Query::MatchAll share a reference count that is not atomic, so
/// threads that search at once would free it.
Xapian::Query match_all() { return Xapian::Query(std::string()); }

class TreeReader {
public:
  TreeReader(ByteCursor cursor, const cx_reader &generation, Deadline &deadline)
      : cursor(cursor), generation(generation), database(generation.database), deadline(deadline) {}

  Xapian::Query tree(int depth = 1) {
    if (depth > CX_TREE_DEPTH_MAX) throw Failure{CX_BAD_QUERY, "nested too deeply"};
    most = database.get_doccount();
    switch (Tag(cursor.number<uint8_t>())) {
      case Tag::term: return term(cursor.term());
      case Tag::phrase: return words(Xapian::Query::OP_PHRASE, 0);
      case Tag::near: return words(Xapian::Query::OP_NEAR, cursor.number<uint32_t>());
      case Tag::prefix: return prefix(cursor.term());
      case Tag::all: return conjunction(depth);
      case Tag::any: return disjunction(depth);
      case Tag::negation: return negation(depth);
      case Tag::everything: return match_all();
      case Tag::clauses: return clauses();
      default: throw Failure{CX_BAD_QUERY, "an unknown node"};
    }
  }

  bool at_end() const { return cursor.at_end(); }

private:
  /// Without weights Xapian 1.4.22 reads a term that every document holds from the list of all documents, and takes
  /// the end of that list's first block for damage where ids do not start at 1. Asked for as what it is, that list is
  /// read well.
  Xapian::Query term(const std::string &term) {
    most = generation.holders(term);
    if (const DenseTerm *dense = generation.dense_term(term)) return query_of(*dense);
    return most == database.get_doccount() ? match_all() : Xapian::Query(term);
  }

  /// The terms it stands for are merged by hand: Xapian's own wildcard takes many times as long over hundreds.
  Xapian::Query prefix(const std::string &prefix) {
    PrefixTerms terms(database, prefix);
    if (terms.is_everywhere) return match_all();
    if (terms.are_too_many) return documents_of(prefix);
    most = std::min(most, terms.most);
    if (terms.names.empty()) return Xapian::Query();
    if (terms.names.size() == 1) return Xapian::Query(terms.names[0]);
    return merged(lists_of(generation, terms.names), most);
  }

  Xapian::Query merged(Merge<TermList> &&lists, Xapian::doccount most) const {
    std::vector<Merge<TermList>> sets;
    sets.push_back(std::move(lists));
    auto source = std::make_unique<ClauseSource>();
    source->expect(most);
    source->add(std::make_unique<ClauseList>(nullptr, 0, std::move(sets), deadline));
    return Xapian::Query(source.release()->release());
  }

  /// Whatever holds a term that starts so, looked up beforehand.
  Xapian::Query documents_of(const std::string &prefix) const {
    DocumentSet documents;
    for (auto at = database.allterms_begin(prefix); at != database.allterms_end(prefix); ++at) {
      if (at.get_termfreq() == database.get_doccount()) return match_all();
      auto end = database.postlist_end(*at);
      for (auto document = database.postlist_begin(*at); document != end; ++document) {
        deadline.tick();
        documents.add(*document);
      }
    }
    return query_of(std::move(documents));
  }

  struct Clause {
    int64_t conversation;
    std::vector<std::vector<std::string>> sets;
  };

  /// Words of thousands of conversations, each with keys of its own.
  Xapian::Query clauses() {
    std::vector<Clause> asked;
    for (uint16_t rest = cursor.number<uint16_t>(); rest > 0; rest--) {
      asked.push_back(clause());
      if (!generation.records->may_hold(asked.back().conversation)) asked.pop_back();
    }
    // In the order of the B-tree, so that most look-ups find their block at hand.
    std::sort(asked.begin(), asked.end(),
              [](const Clause &left, const Clause &right) { return left.sets[0] < right.sets[0]; });
    auto source = std::make_unique<ClauseSource>();
    for (const Clause &clause : asked) add(clause, *source);
    return source->is_empty() ? Xapian::Query() : Xapian::Query(source.release()->release());
  }

  Clause clause() {
    Clause clause{cursor.number<int64_t>(), {}};
    for (uint8_t sets = cursor.number<uint8_t>(); sets > 0; sets--) {
      clause.sets.emplace_back();
      for (uint8_t terms = cursor.number<uint8_t>(); terms > 0; terms--) clause.sets.back().push_back(cursor.term());
    }
    if (clause.sets.empty()) throw Failure{CX_BAD_QUERY, "a clause without words"};
    return clause;
  }

  void add(const Clause &clause, ClauseSource &source) const {
    std::vector<Merge<TermList>> sets;
    Xapian::doccount fewest = database.get_doccount();
    for (const auto &terms : clause.sets) {
      Xapian::doccount most = 0;
      sets.push_back(lists_of(generation, terms, most));
      if (most == 0) return;
      fewest = std::min(fewest, most);
    }
    source.expect(fewest);
    source.add(std::make_unique<ClauseList>(&generation, clause.conversation, std::move(sets), deadline));
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
    for (const std::string &part : parts) most = std::min(most, generation.holders(part));
    return Xapian::Query(op, parts.begin(), parts.end(), window);
  }

  /// Of terms one of which every document in scope holds, so that they may be left out of an AND of which no more
  /// than `fewest` documents are left without them.
  Xapian::Query hint(Xapian::doccount fewest) {
    std::vector<std::string> terms;
    for (uint16_t rest = cursor.number<uint16_t>(); rest > 0; rest--) terms.push_back(cursor.term());
    most = fewest;
    if (!is_worthwhile(terms, fewest)) return match_all();
    Xapian::doccount holders = 0;
    Merge<TermList> lists = lists_of(generation, terms, holders);
    return holders == 0 ? Xapian::Query() : merged(std::move(lists), holders);
  }

  /// Negations are gathered into one AND_NOT, which Xapian runs as a check on the others' matches.
  Xapian::Query conjunction(int depth) {
    std::vector<Xapian::Query> wanted, unwanted;
    Xapian::doccount fewest = database.get_doccount();
    for (uint16_t rest = cursor.number<uint16_t>(); rest > 0; rest--) {
      if (Tag(cursor.peek()) == Tag::negation) {
        cursor.number<uint8_t>();
        unwanted.push_back(tree(depth + 2));
      } else if (Tag(cursor.peek()) == Tag::hint) {
        cursor.number<uint8_t>();
        wanted.push_back(hint(fewest));
      } else {
        wanted.push_back(tree(depth + 1));
        fewest = std::min(fewest, most);
      }
    }
    most = fewest;
    if (wanted.empty()) return none_of(unwanted);
    Xapian::Query both(Xapian::Query::OP_AND, wanted.begin(), wanted.end());
    return unwanted.empty() ? both : Xapian::Query(Xapian::Query::OP_AND_NOT, both, one_of(unwanted));
  }

  Xapian::Query disjunction(int depth) {
    std::vector<Xapian::Query> parts;
    uint64_t sum = 0;
    for (uint16_t rest = cursor.number<uint16_t>(); rest > 0; rest--) {
      parts.push_back(tree(depth + 1));
      sum += most;
    }
    most = Xapian::doccount(std::min<uint64_t>(sum, database.get_doccount()));
    return one_of(parts);
  }

  static Xapian::Query one_of(const std::vector<Xapian::Query> &parts) {
    return Xapian::Query(Xapian::Query::OP_OR, parts.begin(), parts.end());
  }

  Xapian::Query negation(int depth) {
    Xapian::Query query = none_of({tree(depth + 1)});
    most = database.get_doccount();
    return query;
  }

  static Xapian::Query none_of(const std::vector<Xapian::Query> &parts) {
    Xapian::Query some = one_of(parts);
    if (some.empty()) return match_all();
    return Xapian::Query(Xapian::Query::OP_AND_NOT, match_all(), some);
  }

  ByteCursor cursor;
  const cx_reader &generation;
  const Xapian::Database &database;
  Deadline &deadline;
  /// How many documents the tree that was read last holds at most, as far as is known without reading postings.
  Xapian::doccount most = 0;
};

}  // namespace

Xapian::Query read_query(const uint8_t *tree, size_t count, const cx_reader &reader, Deadline &deadline) {
  TreeReader trees(ByteCursor(tree, count, CX_BAD_QUERY), reader, deadline);
  Xapian::Query query = trees.tree();
  if (!trees.at_end()) throw Failure{CX_BAD_QUERY, "more than one tree"};
  return query;
}
