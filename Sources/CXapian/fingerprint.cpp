#include "digest.hpp"
#include "reader.hpp"

#include <vector>

namespace {

struct Sum {
  uint64_t low = 0, high = 0;

  void add(uint64_t value) {
    value = digest::spread(value);
    low += value;
    high += (value * 0xd6e8feb86659fd93u) ^ (value >> 29);
  }
};

}  // namespace

extern "C" {

/// Each posting is a number of its document's own and its term's, so that lists can be read in any order.
int cx_fingerprint(cx_reader *reader, uint64_t out[2], cx_error *error) noexcept {
  return guarded(error, [&] {
    Sum sum;
    Entry entry;
    bool has_positions = reader->database.has_positions();
    auto end = reader->database.postlist_end(std::string());
    for (auto at = reader->database.postlist_begin(std::string()); at != end; ++at) {
      if (reader->at(*at, entry)) sum.add(digest::of(entry));
    }
    for (auto term = reader->database.allterms_begin(); term != reader->database.allterms_end(); ++term) {
      uint64_t name = digest::of(*term);
      for (auto at = reader->database.postlist_begin(*term); at != reader->database.postlist_end(*term); ++at) {
        if (!reader->at(*at, entry)) continue;
        uint64_t hash = digest::mixed(digest::of(entry), name);
        if (has_positions) {
          auto last = reader->database.positionlist_end(*at, *term);
          for (auto place = reader->database.positionlist_begin(*at, *term); place != last; ++place) {
            hash = digest::mixed(hash, *place);
          }
        }
        sum.add(hash);
      }
    }
    out[0] = sum.low;
    out[1] = sum.high;
  });
}

}
