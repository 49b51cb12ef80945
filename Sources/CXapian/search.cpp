#include "reader.hpp"

#include "query.hpp"
#include "scope.hpp"

#include <algorithm>
#include <cstdlib>

namespace {

/// Ends a match early, through Xapian, which is safe against exceptions of a decider.
struct Finished {};

bool is_newer(const cx_hit &left, const cx_hit &right) {
  return left.created_at != right.created_at ? left.created_at > right.created_at
                                             : left.sequence > right.sequence;
}

/// Counts every match and keeps the newest `limit` of those before the cursor. Never accepts one: the match set
/// Xapian itself would keep is not wanted.
class Collector : public Xapian::MatchDecider {
public:
  Collector(const cx_search &search, const cx_reader &reader)
      : search(search), reader(reader), disorder(reader.records->disorder()) {}

  bool operator()(const Xapian::Document &document) const override {
    Entry record;
    // Deleted since the scope let it pass.
    if (!reader.at(document.get_docid(), record)) return false;
    matches++;
    cx_hit hit{record.conversation, record.sender, record.created_at, record.sequence};
    if (is_before_cursor(hit)) offer(hit);
    if (is_done(record.created_at)) throw Finished{};
    return false;
  }

  void finish(cx_page &page, bool exact) {
    std::sort(hits.begin(), hits.end(), is_newer);
    page.matches = matches;
    page.exact = exact;
    if (hits.empty()) return;
    page.hits = static_cast<cx_hit *>(std::malloc(hits.size() * sizeof(cx_hit)));
    if (!page.hits) throw std::bad_alloc();
    std::copy(hits.begin(), hits.end(), page.hits);
    page.count = hits.size();
  }

private:
  bool is_before_cursor(const cx_hit &hit) const {
    if (!search.has_before) return true;
    return is_newer(cx_hit{0, 0, search.before_time, search.before_sequence}, hit);
  }

  /// `hits` is a heap whose front is the oldest.
  void offer(const cx_hit &hit) const {
    if (hits.size() == search.limit) {
      if (hits.empty() || !is_newer(hit, hits.front())) return;
      std::pop_heap(hits.begin(), hits.end(), is_newer);
      hits.back() = hit;
    } else {
      hits.push_back(hit);
    }
    std::push_heap(hits.begin(), hits.end(), is_newer);
  }

  /// Ids only rise from here, and none above was created later than `created_at` + disorder; at equal times the
  /// higher id has the lower sequence and is the older.
  bool is_done(int64_t created_at) const {
    return matches >= search.count_max && hits.size() == search.limit &&
           (hits.empty() || created_at + disorder <= hits.front().created_at);
  }

  const cx_search &search;
  const cx_reader &reader;
  int64_t disorder;
  mutable uint64_t matches = 0;
  mutable std::vector<cx_hit> hits;
};

bool run(Xapian::Database &database, const Xapian::Query &query, const Collector &collector) {
  Xapian::Enquire enquire(database);
  enquire.set_query(query);
  enquire.set_weighting_scheme(Xapian::BoolWeight());
  try {
    enquire.get_mset(0, 1, database.get_doccount(), nullptr, &collector);
    return true;
  } catch (const Finished &) {
    return false;
  }
}

}  // namespace

extern "C" {

int cx_reader_search(cx_reader *reader, const cx_search *search, cx_page *out, cx_error *error) noexcept {
  *out = cx_page{nullptr, 0, 0, true};
  return guarded(error, [&] {
    Deadline deadline(search->deadline);
    Xapian::Query asked = read_query(search->tree, search->tree_count, *reader, deadline);
    if (asked.empty() || reader->database.get_doccount() == 0) return;
    Scope scope(*search, *reader);
    ScopeSource source(scope, deadline);
    Xapian::Query visible(Xapian::Query::OP_AND, asked, Xapian::Query(&source));
    Collector collector(*search, *reader);
    // Without weights no list is kept for ranking.
    bool exact = run(reader->database, Xapian::Query(Xapian::Query::OP_SCALE_WEIGHT, visible, 0.0), collector);
    collector.finish(*out, exact);
  });
}

void cx_page_free(cx_page *page) noexcept {
  std::free(page->hits);
  *page = cx_page{nullptr, 0, 0, true};
}
}
