#include "digest.hpp"
#include "reader.hpp"

#include <algorithm>

extern "C" {

/// Lists of terms are not kept in sealed generations, so digests are summed up over all postings of all documents.
int cx_contents(cx_reader *reader, const int64_t *sequences, size_t count, bool with_digests, cx_content *out,
                cx_error *error) noexcept {
  return guarded(error, [&] {
    Entry entry;
    for (size_t at = 0; at < count; at++) {
      out[at] = cx_content{};
      uint32_t document = reader->records->document_of(sequences[at]);
      if (document == 0 || !reader->at(document, entry) || entry.sequence != sequences[at]) continue;
      out[at] = cx_content{entry.conversation, entry.sender, entry.created_at,
                           digest::spread(digest::of(entry)), true};
    }
    if (!with_digests) return;
    bool has_positions = reader->database.has_positions();
    for (auto term = reader->database.allterms_begin(); term != reader->database.allterms_end(); ++term) {
      uint64_t name = digest::of(*term);
      for (auto at = reader->database.postlist_begin(*term); at != reader->database.postlist_end(*term); ++at) {
        if (!reader->at(*at, entry)) continue;
        auto found = std::lower_bound(sequences, sequences + count, entry.sequence);
        if (found == sequences + count || *found != entry.sequence) continue;
        uint64_t hash = digest::mixed(digest::of(entry), name);
        if (has_positions) {
          auto last = reader->database.positionlist_end(*at, *term);
          for (auto place = reader->database.positionlist_begin(*at, *term); place != last; ++place) {
            hash = digest::mixed(hash, *place);
          }
        }
        out[found - sequences].digest += digest::spread(hash);
      }
    }
  });
}

}
