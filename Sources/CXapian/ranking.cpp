#include "matches.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <vector>

namespace {

struct Candidate {
  Xapian::docid document;
  cx_hit hit;
};

bool is_newer(const Candidate &left, const Candidate &right) {
  return left.hit.created_at != right.hit.created_at ? left.hit.created_at > right.hit.created_at
                                                     : left.hit.sequence > right.hit.sequence;
}

/// The newest matches, `limit` at most.
class Newest {
public:
  Newest(const cx_search &search, const cx_reader &reader)
      : limit(search.limit), disorder(reader.records->disorder()) {}

  bool take(Xapian::docid document, const Entry &entry) {
    Candidate candidate{document, {entry.conversation, entry.sender, entry.created_at, entry.sequence}};
    if (found.size() < limit) {
      found.push_back(candidate);
      std::push_heap(found.begin(), found.end(), is_newer);
      return true;
    }
    exact = false;
    if (found.empty()) return false;
    if (is_newer(candidate, found.front())) {
      std::pop_heap(found.begin(), found.end(), is_newer);
      found.back() = candidate;
      std::push_heap(found.begin(), found.end(), is_newer);
    }
    // None of a higher id was created later than this, and at equal times a higher id is older.
    return entry.created_at + disorder > found.front().hit.created_at;
  }

  std::vector<Candidate> found;
  bool exact = true;

private:
  size_t limit;
  int64_t disorder;
};

/// Which words each candidate holds: a row a candidate, a byte a slot.
class Grid {
public:
  Grid(const std::vector<Candidate> &candidates, const cx_reader &reader, Deadline &deadline)
      : database(reader.database), has_positions(reader.database.has_positions()), deadline(deadline) {
    for (const Candidate &candidate : candidates) documents.push_back(candidate.document);
  }

  void read(ByteCursor slots) {
    width = slots.number<uint16_t>();
    cells.assign(documents.size() * width, 0);
    for (size_t slot = 0; slot < width; slot++) {
      for (uint16_t rest = slots.number<uint16_t>(); rest > 0; rest--) {
        bool is_prefix = slots.number<uint8_t>() == 4;
        std::string term = slots.term();
        if (is_prefix) mark_prefix(term, slot);
        else mark(term, slot);
      }
    }
    if (!slots.at_end()) throw Failure{CX_BAD_QUERY, "more slots than there are"};
  }

  std::vector<uint8_t> cells;
  size_t width = 0;

private:
  /// Positions beyond this add nothing to a score.
  static constexpr uint8_t places_most = 8;

  /// Both lists ascend, so that each jumps to where the other stands.
  void mark(const std::string &term, size_t slot) {
    size_t row = 0;
    auto end = database.postlist_end(term);
    for (auto at = database.postlist_begin(term); at != end && row < documents.size();) {
      deadline.tick();
      if (*at < documents[row]) {
        at.skip_to(documents[row]);
      } else if (*at > documents[row]) {
        row = size_t(std::lower_bound(documents.begin() + long(row), documents.end(), *at) - documents.begin());
      } else {
        uint8_t &cell = cells[row * width + slot];
        cell = uint8_t(std::min<int>(places_most, cell + places(at)));
        row++;
      }
    }
  }

  void mark_prefix(const std::string &prefix, size_t slot) {
    for (auto at = database.allterms_begin(prefix); at != database.allterms_end(prefix); ++at) {
      deadline.tick();
      mark(*at, slot);
    }
  }

  /// How often the word stands in the text, as far as is known: tokens without order are there once.
  uint8_t places(const Xapian::PostingIterator &at) const {
    if (!has_positions) return 1;
    uint8_t count = 0;
    auto end = at.positionlist_end();
    for (auto place = at.positionlist_begin(); place != end && count < places_most; ++place) count++;
    return std::max<uint8_t>(count, 1);
  }

  const Xapian::Database &database;
  bool has_positions;
  Deadline &deadline;
  std::vector<Xapian::docid> documents;
};

void hand_over(const std::vector<Candidate> &candidates, const Grid &grid, cx_ranking &out) {
  if (candidates.empty()) return;
  out.hits = static_cast<cx_hit *>(std::malloc(candidates.size() * sizeof(cx_hit)));
  out.cells = static_cast<uint8_t *>(std::malloc(grid.cells.size() + 1));
  if (!out.hits || !out.cells) throw std::bad_alloc();
  for (const Candidate &candidate : candidates) out.hits[out.count++] = candidate.hit;
  std::copy(grid.cells.begin(), grid.cells.end(), out.cells);
}

}  // namespace

extern "C" {

int cx_reader_rank(cx_reader *reader, const cx_search *search, const uint8_t *slots, size_t slots_count,
                   cx_ranking *out, cx_error *error) noexcept {
  *out = cx_ranking{nullptr, nullptr, 0, true};
  return guarded(error, [&] {
    Deadline deadline(search->deadline);
    Newest newest(*search, *reader);
    each_match(*reader, *search, deadline,
               [&](Xapian::docid document, const Entry &entry) { return newest.take(document, entry); });
    std::sort(newest.found.begin(), newest.found.end(),
              [](const Candidate &left, const Candidate &right) { return left.document < right.document; });
    Grid grid(newest.found, *reader, deadline);
    grid.read(ByteCursor(slots, slots_count, CX_BAD_QUERY));
    hand_over(newest.found, grid, *out);
    out->exact = newest.exact;
  });
}

void cx_ranking_free(cx_ranking *ranking) noexcept {
  std::free(ranking->hits);
  std::free(ranking->cells);
  *ranking = cx_ranking{nullptr, nullptr, 0, true};
}
}
