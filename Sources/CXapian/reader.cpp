#include "reader.hpp"

#include <charconv>
#include <cstdlib>
#include <memory>

int64_t read_position(const Xapian::Database &database) {
  std::string text = database.get_metadata("position");
  int64_t value = 0;
  auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || value < 0) throw Failure{CX_DAMAGED, "no position in the database"};
  return value;
}

cx_reader::cx_reader(const std::string &path, bool is_hot) : database(path, Xapian::DB_BACKEND_GLASS) {
  // A crash while the generation was being frozen may have left a hot one with the file.
  if (!is_hot && !Tombstones::exists(path)) throw Failure{CX_DAMAGED, "no tombstones"};
  if (!is_hot) tombstones = std::make_unique<Tombstones>(path);
  if (!is_hot && Columns::exists(path)) {
    records = std::make_unique<Columns>(path);
    if (DenseTerms::exists(path)) dense = std::make_unique<DenseTerms>(path);
    return;
  }
  auto opened = std::make_unique<SidecarMap>();
  opened->open(path);
  sidecar = opened.get();
  records = std::move(opened);
}

void cx_reader::refresh(int64_t hot_position) {
  if (tombstones) {
    tombstones->refresh(hot_position);
  } else {
    // Database first: a record is written before its document is committed, so the mapping then covers all.
    if (database.reopen()) known_position = -1;
    sidecar->refresh();
  }
}

namespace {

constexpr size_t dump_bytes = 1 << 20;

template <typename Number>
void append(std::string &out, Number value) {
  out.append(reinterpret_cast<const char *>(&value), sizeof value);
}

void append_document(std::string &out, const cx_reader &reader, Xapian::docid document) {
  Record record = reader.sidecar->record(int64_t(CX_DOCUMENT_BASE) - int64_t(document));
  append(out, uint32_t(document));
  append(out, record.conversation);
  append(out, record.sender);
  append(out, record.created_at);
  size_t count_at = out.size();
  uint32_t count = 0;
  append(out, count);
  for (auto term = reader.database.termlist_begin(document); term != reader.database.termlist_end(document);
       ++term, ++count) {
    append(out, uint8_t((*term).size()));
    out += *term;
    append(out, uint32_t(term.positionlist_count()));
    for (auto place = term.positionlist_begin(); place != term.positionlist_end(); ++place) {
      append(out, uint32_t(*place));
    }
  }
  std::memcpy(&out[count_at], &count, sizeof count);
}

void hand_over(const std::string &from, cx_bytes &to) {
  to.bytes = static_cast<uint8_t *>(std::malloc(from.size() + 1));
  if (!to.bytes) throw std::bad_alloc();
  std::memcpy(to.bytes, from.data(), from.size());
  to.count = from.size();
}

}  // namespace

extern "C" {

int cx_reader_open(const char *path, bool is_hot, cx_reader **out, cx_error *error) noexcept {
  return guarded(error, [&] {
    auto reader = std::make_unique<cx_reader>(path, is_hot);
    if (reader->database.get_metadata("schema") != "1") throw Failure{CX_DAMAGED, "unknown schema"};
    *out = reader.release();
  });
}

void cx_reader_free(cx_reader *reader) noexcept { delete reader; }

int cx_reader_refresh(cx_reader *reader, int64_t hot_position, int64_t *position, cx_error *error) noexcept {
  *position = hot_position;
  return guarded(error, [&] {
    reader->refresh(hot_position);
    if (reader->is_hot()) *position = reader->position();
  });
}

int64_t cx_reader_newest(const cx_reader *reader) noexcept {
  int64_t oldest = reader->records->oldest(), newest = reader->records->newest();
  return oldest <= newest ? newest : INT64_MIN;
}

int cx_reader_state(cx_reader *reader, cx_state *out, cx_error *error) noexcept {
  return guarded(error, [&] {
    size_t dead = reader->tombstones ? reader->tombstones->count() : 0;
    *out = cx_state{reader->position(),         reader->database.get_doccount() - dead,
                    reader->database.get_revision(), dead,
                    reader->records->oldest(),  reader->records->newest(),
                    reader->is_sealed()};
  });
}

int cx_reader_dump(cx_reader *reader, uint32_t from, cx_bytes *out, uint32_t *next, cx_error *error) noexcept {
  *out = cx_bytes{nullptr, 0};
  *next = 0;
  return guarded(error, [&] {
    if (reader->is_sealed()) throw Failure{CX_FAILED, "a sealed generation has no lists of terms"};
    std::string dump;
    auto end = reader->database.postlist_end(std::string());
    auto at = reader->database.postlist_begin(std::string());
    if (at != end) at.skip_to(from);
    for (; at != end && dump.size() < dump_bytes; ++at) append_document(dump, *reader, *at);
    if (at != end) *next = *at;
    hand_over(dump, *out);
  });
}
}
