#include "matches.hpp"

#include "query.hpp"
#include "words.hpp"

namespace {

using Take = std::function<bool(Xapian::docid, const Entry &)>;

/// Ends a match early, through Xapian, which is safe against exceptions of a decider.
struct Enough {};

/// Accepts none: the match set Xapian itself would keep is not wanted.
class Visitor : public Xapian::MatchDecider {
public:
  Visitor(const cx_reader &reader, const Take &take) : reader(reader), take(take) {}

  bool operator()(const Xapian::Document &document) const override {
    Entry record;
    // Deleted since the scope let it pass.
    if (!reader.at(document.get_docid(), record)) return false;
    if (!take(document.get_docid(), record)) throw Enough{};
    return false;
  }

private:
  const cx_reader &reader;
  const Take &take;
};

void match(const cx_reader &reader, const Xapian::Query &asked, const Scope &scope, Deadline &deadline,
           const Take &take) {
  ScopeSource source(scope, deadline);
  Xapian::Query visible(Xapian::Query::OP_AND, asked, Xapian::Query(&source));
  Visitor visitor(reader, take);
  Xapian::Enquire enquire(reader.database);
  // Without weights no list is kept for ranking.
  enquire.set_query(Xapian::Query(Xapian::Query::OP_SCALE_WEIGHT, visible, 0.0));
  enquire.set_weighting_scheme(Xapian::BoolWeight());
  try {
    enquire.get_mset(0, 1, reader.database.get_doccount(), nullptr, &visitor);
  } catch (const Enough &) {
  }
}

void walk(ClauseList &list, const Scope &scope, Deadline &deadline, const Take &take) {
  Xapian::docid last = scope.ids().second;
  list.skip_to(scope.ids().first);
  for (; !list.is_at_end() && list.at() <= last; list.skip_to(list.at() + 1)) {
    Entry record;
    if (scope.accepts(list.at(), deadline, record)) {
      if (!take(list.at(), record)) return;
    } else if (scope.ends_at(list.at())) {
      return;
    }
  }
}

}  // namespace

void each_match(const cx_reader &reader, const cx_search &search, Deadline &deadline, const Take &take) {
  if (reader.database.get_doccount() == 0) return;
  Scope scope(search, reader);
  if (auto words = read_words(search.tree, search.tree_count, reader, deadline)) {
    return walk(*words, scope, deadline, take);
  }
  Xapian::Query asked = read_query(search.tree, search.tree_count, reader, deadline);
  if (!asked.empty()) match(reader, asked, scope, deadline, take);
}
