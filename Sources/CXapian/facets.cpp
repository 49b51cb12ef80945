#include "matches.hpp"

#include <cstdlib>
#include <new>
#include <unordered_map>

namespace {

constexpr int64_t day = 86'400'000'000;

int64_t day_of(int64_t time) { return time >= 0 ? time / day : -((-time + day - 1) / day); }

/// How many matches there are under each key.
class Tally {
public:
  Tally(uint32_t kinds, uint64_t most) : kinds(kinds), most(most) {}

  bool take(const Entry &entry) {
    if (matches == most) {
      exact = false;
      return false;
    }
    matches++;
    if (kinds & CX_BY_CONVERSATION) conversations[entry.conversation]++;
    if (kinds & CX_BY_SENDER) senders[entry.sender]++;
    if (kinds & CX_BY_DAY) days[day_of(entry.created_at)]++;
    return true;
  }

  void hand_over(cx_facets &out) const {
    out.matches = matches;
    out.exact = exact;
    size_t count = conversations.size() + senders.size() + days.size();
    if (count == 0) return;
    out.buckets = static_cast<cx_bucket *>(std::malloc(count * sizeof(cx_bucket)));
    if (!out.buckets) throw std::bad_alloc();
    append(CX_BY_CONVERSATION, conversations, out);
    append(CX_BY_SENDER, senders, out);
    append(CX_BY_DAY, days, out);
  }

private:
  using Counts = std::unordered_map<int64_t, uint64_t>;

  static void append(uint32_t kind, const Counts &counts, cx_facets &out) {
    for (const auto &[key, count] : counts) out.buckets[out.count++] = cx_bucket{kind, key, count};
  }

  uint32_t kinds;
  uint64_t most, matches = 0;
  bool exact = true;
  Counts conversations, senders, days;
};

}  // namespace

extern "C" {

int cx_reader_facets(cx_reader *reader, const cx_search *search, uint32_t kinds, cx_facets *out,
                     cx_error *error) noexcept {
  *out = cx_facets{nullptr, 0, 0, true};
  return guarded(error, [&] {
    Deadline deadline(search->deadline);
    Tally tally(kinds, search->count_max);
    each_match(*reader, *search, deadline, [&](Xapian::docid, const Entry &entry) { return tally.take(entry); });
    tally.hand_over(*out);
  });
}

void cx_facets_free(cx_facets *facets) noexcept {
  std::free(facets->buckets);
  *facets = cx_facets{nullptr, 0, 0, true};
}
}
