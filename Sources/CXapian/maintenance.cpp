#include "files.hpp"
#include "reader.hpp"

#include <algorithm>

namespace {

/// What is live and committed, and deletions that wait for their commit, which name nobody. A live record that
/// waits is left out: the replay writes it again.
void copy_sidecar(const cx_reader &source, const std::string &target) {
  SidecarFile::create(target);
  SidecarFile copy(target);
  int64_t position = source.position();
  for (int64_t sequence = 1; sequence <= source.sidecar->capacity(); sequence++) {
    Record record = source.sidecar->record(sequence);
    bool is_pending = record.position() > position;
    if (record.state() == Record::live && !is_pending) copy.put(sequence, record);
    if (record.state() == Record::deleted && is_pending) copy.carry(sequence, record);
  }
  copy.sync();
}

bool file_contains(const std::string &path, const std::string &bytes) {
  MappedFile file(path);
  return file.count() > 0 && memmem(file.bytes(), file.count(), bytes.data(), bytes.size()) != nullptr;
}

/// As a B-tree key holds it: a zero byte is followed by 0xff.
std::string escaped(const std::string &term) {
  std::string key;
  for (char byte : term) {
    key += byte;
    if (byte == 0) key += char(0xff);
  }
  return key;
}

/// Gathers problems by kind.
class Findings {
public:
  Findings(cx_problem *problems, size_t &count) : problems(problems), count(count) { count = 0; }

  void add(cx_problem_kind kind, int64_t sequence) {
    size_t at = 0;
    while (at < count && problems[at].kind != uint32_t(kind)) at++;
    if (at == count) problems[count++] = cx_problem{uint32_t(kind), 0, sequence};
    problems[at].count++;
  }

private:
  cx_problem *problems;
  size_t &count;
};

/// The id a document's one term of this class holds.
bool holds(const Xapian::Database &database, Xapian::docid document, char letter, int64_t id) {
  auto term = database.termlist_begin(document);
  if (term == database.termlist_end(document)) return false;
  std::string wanted(1, letter);
  for (int shift = 56; shift >= 0; shift -= 8) wanted += char(uint64_t(id) >> shift);
  term.skip_to(wanted);
  return term != database.termlist_end(document) && *term == wanted;
}

/// One (term, document) pair; pairs are summed, so their order does not matter.
uint64_t pair_hash(const std::string &term, Xapian::docid document) {
  uint64_t hash = 0xcbf29ce484222325u ^ document;
  for (char byte : term) hash = (hash ^ uint8_t(byte)) * 0x100000001b3u;
  hash ^= hash >> 32;
  return hash * 0xd6e8feb86659fd93u;
}

/// Every list read to its end, and the same pairs on both sides: terms of documents, documents of terms.
/// Xapian's own check wants memory for every id up to the highest, eight gigabytes for ids that count down.
void check_lists(const Xapian::Database &database, Findings &findings) {
  uint64_t forward = 0, backward = 0;
  for (auto at = database.postlist_begin(std::string()); at != database.postlist_end(std::string()); ++at) {
    for (auto term = database.termlist_begin(*at); term != database.termlist_end(*at); ++term) {
      forward += pair_hash(*term, *at);
      for (auto place = term.positionlist_begin(); place != term.positionlist_end(); ++place) {
        if (*place < CX_FIRST_POSITION) throw Failure{CX_DAMAGED, "a position out of range"};
      }
    }
  }
  for (auto term = database.allterms_begin(); term != database.allterms_end(); ++term) {
    for (auto at = database.postlist_begin(*term); at != database.postlist_end(*term); ++at) {
      backward += pair_hash(*term, *at);
    }
  }
  if (forward != backward) findings.add(CX_STRUCTURE, 0);
}

/// Every document against its record; marks the sequences met.
void check_documents(const cx_reader &reader, int64_t position, std::vector<bool> &met, Findings &findings) {
  auto end = reader.database.postlist_end(std::string());
  for (auto at = reader.database.postlist_begin(std::string()); at != end; ++at) {
    int64_t sequence = int64_t(CX_DOCUMENT_BASE) - int64_t(*at);
    Record record = reader.sidecar->record(sequence);
    bool is_in_file = sequence >= 1 && sequence <= reader.sidecar->capacity();
    if (is_in_file) met[size_t(sequence)] = true;
    // Written ahead of a commit that has not come, or on its way out in an unfinished purge.
    if (is_in_file && (record.position() > position || record.state() == Record::leaving)) continue;
    if (!is_in_file || record.state() != Record::live) {
      findings.add(CX_RECORD_MISSING, sequence);
    } else if (!holds(reader.database, *at, 'C', record.conversation) ||
               !holds(reader.database, *at, 'S', record.sender)) {
      findings.add(CX_RECORD_OF_ANOTHER, sequence);
    }
  }
}

void check_records(const cx_reader &reader, int64_t position, const std::vector<bool> &met, Findings &findings) {
  if (!reader.sidecar->header().is_intact()) findings.add(CX_RECORD_BROKEN, 0);
  for (int64_t sequence = 1; sequence <= reader.sidecar->capacity(); sequence++) {
    Record record = reader.sidecar->record(sequence);
    if (!record.is_intact(sequence)) {
      findings.add(CX_RECORD_BROKEN, sequence);
    } else if (record.state() == Record::live && record.position() <= position && !met[size_t(sequence)]) {
      findings.add(CX_DOCUMENT_MISSING, sequence);
    }
  }
}

/// A sealed generation has no lists of terms to compare: its documents, their records and the lists' ids must agree.
/// Its bytes are covered by its manifest.
void check_sealed(const cx_reader &reader, Findings &findings) {
  Xapian::doccount count = reader.database.get_doccount();
  Entry entry, before{0, 0, INT64_MAX, INT64_MAX};
  for (Xapian::docid document = 1; document <= count; document++) {
    if (!reader.records->at(document, entry)) {
      findings.add(CX_RECORD_MISSING, 0);
      continue;
    }
    bool is_in_order = entry.created_at != before.created_at ? entry.created_at < before.created_at
                                                             : entry.sequence < before.sequence;
    if (!is_in_order) findings.add(CX_RECORD_BROKEN, entry.sequence);
    before = entry;
  }
  if (reader.records->at(count + 1, entry)) findings.add(CX_DOCUMENT_MISSING, entry.sequence);
  size_t dense_terms = 0;
  for (auto term = reader.database.allterms_begin(); term != reader.database.allterms_end(); ++term) {
    const DenseTerm *dense = reader.dense_term(*term);
    if (dense) dense_terms++;
    Xapian::doccount met = 0, met_dense = 0;
    Xapian::docid last = 0;
    for (auto at = reader.database.postlist_begin(*term); at != reader.database.postlist_end(*term); ++at) {
      last = *at;
      met++;
      if (dense && dense->contains(last)) met_dense++;
    }
    bool is_dense_right = !dense || (met_dense == met && dense->ones() == met);
    if (met != term.get_termfreq() || last > count || !is_dense_right) findings.add(CX_STRUCTURE, 0);
  }
  // Bitmaps of terms that no list is of.
  if (reader.dense && dense_terms != reader.dense->count()) findings.add(CX_STRUCTURE, 0);
}

}  // namespace

extern "C" {

int cx_compact(const char *source, const char *target, cx_error *error) noexcept {
  return guarded(error, [&] {
    cx_reader reader(source, true);
    reader.database.compact(target, Xapian::DBCOMPACT_NO_RENUMBER | Xapian::Compactor::FULL);
    copy_sidecar(reader, target);
    cx_reader compacted(target, true);
    if (compacted.database.get_doccount() != reader.database.get_doccount() ||
        compacted.position() != reader.position()) {
      throw Failure{CX_FAILED, "the compacted copy differs"};
    }
    sync_files(target);
  });
}

int cx_check(const char *path, bool is_hot, cx_problem *problems, size_t *count, cx_error *error) noexcept {
  Findings findings(problems, *count);
  return guarded(error, [&] {
    cx_reader reader(path, is_hot);
    if (reader.is_sealed()) return check_sealed(reader, findings);
    check_lists(reader.database, findings);
    int64_t position = 0;
    try {
      position = reader.position();
    } catch (const Failure &) {
      findings.add(CX_POSITION_MISSING, 0);
    }
    std::vector<bool> met(size_t(reader.sidecar->capacity() + 1), false);
    check_documents(reader, position, met, findings);
    check_records(reader, position, met, findings);
  });
}

int cx_contains(const char *path, const uint8_t *bytes, size_t count, bool *out, cx_error *error) noexcept {
  return guarded(error, [&] {
    std::string plain(reinterpret_cast<const char *>(bytes), count), key = escaped(plain);
    auto files = files_in(path);
    *out = std::any_of(files.begin(), files.end(), [&](const std::string &file) {
      return file_contains(file, plain) || file_contains(file, key);
    });
  });
}
}
