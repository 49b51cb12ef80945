#include "reader.hpp"

#include <vector>

namespace {

struct Sum {
  uint64_t low = 0, high = 0;

  void add(uint64_t value) {
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    value ^= value >> 31;
    low += value;
    high += (value * 0xd6e8feb86659fd93u) ^ (value >> 29);
  }
};

uint64_t mixed(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9fb21c651e98df25u;
  return hash ^ (hash >> 28);
}

uint64_t hash_of(const std::string &term) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (char byte : term) hash = (hash ^ uint8_t(byte)) * 0x100000001b3u;
  return mixed(hash, term.size());
}

}  // namespace

extern "C" {

/// Each posting is a number of its document's own and its term's, so that lists can be read in any order.
int cx_fingerprint(cx_reader *reader, uint64_t out[2], cx_error *error) noexcept {
  return guarded(error, [&] {
    Sum sum;
    Entry entry;
    bool has_positions = reader->database.has_positions();
    auto number = [&](const Entry &of) {
      uint64_t hash = mixed(uint64_t(of.sequence), uint64_t(of.conversation));
      return mixed(mixed(hash, uint64_t(of.sender)), uint64_t(of.created_at));
    };
    auto end = reader->database.postlist_end(std::string());
    for (auto at = reader->database.postlist_begin(std::string()); at != end; ++at) {
      if (reader->at(*at, entry)) sum.add(number(entry));
    }
    for (auto term = reader->database.allterms_begin(); term != reader->database.allterms_end(); ++term) {
      uint64_t name = hash_of(*term);
      for (auto at = reader->database.postlist_begin(*term); at != reader->database.postlist_end(*term); ++at) {
        if (!reader->at(*at, entry)) continue;
        uint64_t hash = mixed(number(entry), name);
        if (has_positions) {
          auto last = reader->database.positionlist_end(*at, *term);
          for (auto place = reader->database.positionlist_begin(*at, *term); place != last; ++place) {
            hash = mixed(hash, *place);
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
