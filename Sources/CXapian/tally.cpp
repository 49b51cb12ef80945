#include "guard.hpp"
#include "reader.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

constexpr size_t chunk_bytes = 1 << 20;
/// Which documents a rare term is in is told for this many of them.
constexpr size_t sequences_max = 8;

template <typename Number> void append(std::string &out, Number number) {
  out.append(reinterpret_cast<const char *>(&number), sizeof number);
}

/// How often a term occurs, by conversation of those asked for.
struct Tally {
  uint32_t documents = 0;
  std::unordered_map<size_t, uint32_t> places;
  std::vector<int64_t> sequences;

  void write(const std::string &term, const uint8_t *watched, std::string &out) const {
    out.push_back(static_cast<char>(term.size()));
    out += term;
    append(out, documents);
    append(out, static_cast<uint32_t>(places.size()));
    uint32_t told = 0;
    for (auto &place : places) told += watched[place.first] != 0;
    append(out, told);
    for (auto &place : places) {
      if (watched[place.first] == 0) continue;
      append(out, static_cast<uint32_t>(place.first));
      append(out, place.second);
    }
    append(out, static_cast<uint32_t>(sequences.size()));
    for (int64_t sequence : sequences) append(out, sequence);
  }
};

/// Where the conversation is in the ascending list; `count` if it is not in it.
size_t place_of(const cx_tally *tally, int64_t conversation) {
  auto end = tally->conversations + tally->conversation_count;
  auto found = std::lower_bound(tally->conversations, end, conversation);
  return found == end || *found != conversation ? tally->conversation_count : found - tally->conversations;
}

Tally tally_of(cx_reader *reader, const cx_tally *asked, const std::string &term) {
  Tally tally;
  Entry entry;
  auto end = reader->database.postlist_end(term);
  for (auto at = reader->database.postlist_begin(term); at != end; ++at) {
    if (!reader->at(*at, entry)) continue;
    size_t place = place_of(asked, entry.conversation);
    if (place == asked->conversation_count) continue;
    tally.documents++;
    tally.places[place]++;
    if (tally.documents <= sequences_max) tally.sequences.push_back(entry.sequence);
  }
  if (tally.documents > sequences_max) tally.sequences.clear();
  return tally;
}

void give(const std::string &bytes, cx_bytes *out) {
  auto copy = static_cast<uint8_t *>(std::malloc(std::max<size_t>(bytes.size(), 1)));
  if (copy == nullptr) throw std::bad_alloc();
  std::memcpy(copy, bytes.data(), bytes.size());
  out->bytes = copy;
  out->count = bytes.size();
}

}  // namespace

extern "C" {

int cx_reader_tally(cx_reader *reader, const cx_tally *asked, cx_bytes *out, bool *more, cx_error *error) noexcept {
  return guarded(error, [&] {
    std::string prefix(reinterpret_cast<const char *>(asked->prefix), asked->prefix_count);
    std::string after(reinterpret_cast<const char *>(asked->after), asked->after_count);
    std::string bytes;
    auto end = reader->database.allterms_end(prefix);
    auto term = reader->database.allterms_begin(prefix);
    if (!after.empty()) {
      term.skip_to(after);
      if (term != end && *term == after) ++term;
    }
    for (; term != end && bytes.size() < chunk_bytes; ++term) {
      Tally tally = tally_of(reader, asked, *term);
      if (tally.documents > 0) tally.write(*term, asked->watched, bytes);
    }
    *more = term != end;
    give(bytes, out);
  });
}

int cx_reader_places(cx_reader *reader, const uint8_t *name, size_t count, int64_t conversation, cx_bytes *out,
                     cx_error *error) noexcept {
  return guarded(error, [&] {
    std::string term(reinterpret_cast<const char *>(name), count);
    std::string bytes;
    Entry entry;
    auto end = reader->database.postlist_end(term);
    for (auto at = reader->database.postlist_begin(term); at != end; ++at) {
      if (reader->at(*at, entry) && entry.conversation == conversation) append(bytes, entry.sequence);
    }
    give(bytes, out);
  });
}

}
