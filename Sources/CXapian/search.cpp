#include "matches.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <vector>

namespace {

bool is_newer(const cx_hit &left, const cx_hit &right) {
  return left.created_at != right.created_at ? left.created_at > right.created_at
                                             : left.sequence > right.sequence;
}

/// Counts every match and keeps the newest `limit` of those before the cursor.
class Collector {
public:
  Collector(const cx_search &search, const cx_reader &reader)
      : search(search), disorder(reader.records->disorder()) {}

  /// False once nothing that follows can matter.
  bool take(const Entry &record) {
    matches++;
    cx_hit hit{record.conversation, record.sender, record.created_at, record.sequence};
    if (is_before_cursor(hit)) offer(hit);
    exact = !is_done(record.created_at);
    return exact;
  }

  void finish(cx_page &page) {
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
  void offer(const cx_hit &hit) {
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
  int64_t disorder;
  uint64_t matches = 0;
  /// Whether all were counted.
  bool exact = true;
  std::vector<cx_hit> hits;
};

}  // namespace

extern "C" {

int cx_reader_search(cx_reader *reader, const cx_search *search, cx_page *out, cx_error *error) noexcept {
  *out = cx_page{nullptr, 0, 0, true};
  return guarded(error, [&] {
    Deadline deadline(search->deadline);
    Collector collector(*search, *reader);
    each_match(*reader, *search, deadline,
               [&](Xapian::docid, const Entry &entry) { return collector.take(entry); });
    collector.finish(*out);
  });
}

void cx_page_free(cx_page *page) noexcept {
  std::free(page->hits);
  *page = cx_page{nullptr, 0, 0, true};
}
}
