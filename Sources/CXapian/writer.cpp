#include "opening.hpp"
#include "reader.hpp"

#include <memory>

/// A generation that is written to no more, as the writer of the hot one needs it: to take documents out of it.
struct Older {
  explicit Older(const std::string &path) : reader(path, false), log(path) { reader.refresh(INT64_MAX); }

  /// The sequence's document is deleted, or has a newer version in the hot generation, from `position` on. One that was
  /// deleted while the generation was hot has left the database: a tombstone for it would be counted against others.
  void bury(int64_t sequence, int64_t position) {
    Xapian::docid document = reader.records->document_of(sequence);
    Entry record;
    if (document != 0 && reader.at(document, record)) log.append(document, position);
  }

  cx_reader reader;
  TombstoneLog log;
};

struct cx_writer {
  explicit cx_writer(const std::string &path)
      : database(open_writable(path, Xapian::DB_OPEN)), sidecar(path) {}

  ~cx_writer() {
    // The destructor of WritableDatabase commits what is pending; cancelling first leaves it nothing.
    try {
      if (in_transaction) database.cancel_transaction();
    } catch (...) {
    }
    try {
      database.close();
    } catch (...) {
    }
  }

  void begin() {
    database.begin_transaction(true);
    in_transaction = true;
  }

  /// What leaves other generations is on disk first. It counts only from the position that this commit writes.
  void commit() {
    for (auto &generation : older) generation->log.sync();
    sidecar.sync();
    database.commit_transaction();
    in_transaction = false;
    for (auto &generation : older) generation->reader.refresh(INT64_MAX);
  }

  int64_t position() const { return read_position(database); }

  Xapian::WritableDatabase database;
  SidecarFile sidecar;
  std::vector<std::unique_ptr<Older>> older;
  bool in_transaction = false;
};

namespace {

struct Operation {
  int64_t sequence;
  bool is_put;
  Record record;
  /// Where in the batch its terms start.
  ByteCursor terms;
};

int64_t sequence_of(uint32_t document) {
  int64_t sequence = int64_t(CX_DOCUMENT_BASE) - int64_t(document);
  if (sequence < 1 || sequence > sequence_max) throw Failure{CX_BAD_BATCH, "a document id out of range"};
  return sequence;
}

void skip_terms(ByteCursor &batch) {
  for (uint32_t rest = batch.number<uint32_t>(); rest > 0; rest--) batch.term();
}

Operation read_operation(ByteCursor &batch, int64_t position) {
  uint8_t kind = batch.number<uint8_t>();
  if (kind != 1 && kind != 2) throw Failure{CX_BAD_BATCH, "an unknown operation"};
  int64_t sequence = sequence_of(batch.number<uint32_t>());
  Operation operation{sequence, kind == 1, Record{}, batch};
  if (!operation.is_put) return operation;
  int64_t conversation = batch.number<int64_t>(), sender = batch.number<int64_t>();
  int64_t created_at = batch.number<int64_t>();
  if (created_at < -time_max || created_at > time_max) throw Failure{CX_BAD_BATCH, "a time out of range"};
  operation.record = Record::make(sequence, conversation, sender, created_at, position, Record::live);
  operation.terms = batch;
  skip_terms(batch);
  skip_terms(batch);
  return operation;
}

/// The whole batch, every term looked at: one that Xapian refuses would drop all pending changes, and the commit
/// after it would succeed with nothing.
std::vector<Operation> read_batch(const uint8_t *bytes, size_t count, int64_t position) {
  ByteCursor batch(bytes, count, CX_BAD_BATCH);
  std::vector<Operation> operations;
  while (!batch.at_end()) operations.push_back(read_operation(batch, position));
  return operations;
}

/// All with wdf 0: nothing is ever ranked, and lists stay small.
Xapian::Document read_document(ByteCursor terms) {
  Xapian::Document document;
  for (uint32_t rest = terms.number<uint32_t>(); rest > 0; rest--) document.add_boolean_term(terms.term());
  uint32_t count = terms.number<uint32_t>();
  for (uint32_t i = 0; i < count; i++) document.add_posting(terms.term(), CX_FIRST_POSITION + i, 0);
  return document;
}

void erase(Xapian::WritableDatabase &database, Xapian::docid document) {
  try {
    database.delete_document(document);
  } catch (const Xapian::DocNotFoundError &) {
    // Replayed, or never put.
  }
}

void apply(cx_writer &writer, const std::vector<Operation> &operations, int64_t position) {
  for (const Operation &operation : operations) {
    for (auto &generation : writer.older) generation->bury(operation.sequence, position);
    Xapian::docid document = Xapian::docid(CX_DOCUMENT_BASE - operation.sequence);
    if (operation.is_put) {
      writer.sidecar.put(operation.sequence, operation.record);
      writer.database.replace_document(document, read_document(operation.terms));
    } else {
      writer.sidecar.clear(operation.sequence, position, Record::deleted);
      erase(writer.database, document);
    }
  }
  writer.database.set_metadata("position", std::to_string(position));
}

/// The ids of all documents that hold the term.
void collect(const Xapian::Database &database, const std::string &term, std::vector<Xapian::docid> &into) {
  for (auto at = database.postlist_begin(term); at != database.postlist_end(term); ++at) into.push_back(*at);
}

}  // namespace

extern "C" {

int cx_create(const char *path, const char *epoch, int64_t position, cx_error *error) noexcept {
  return guarded(error, [&] {
    SidecarFile::create(path);
    Xapian::WritableDatabase database = open_writable(path, Xapian::DB_CREATE);
    database.set_metadata("schema", "1");
    database.set_metadata("epoch", epoch);
    database.set_metadata("position", std::to_string(position));
    database.commit();
    database.close();
  });
}

int cx_freeze(const char *path, cx_error *error) noexcept {
  return guarded(error, [&] { Tombstones::create(path); });
}

int cx_writer_open(const char *path, const char *const *older, size_t older_count, cx_writer **out,
                   cx_error *error) noexcept {
  return guarded(error, [&] {
    auto writer = std::make_unique<cx_writer>(path);
    if (writer->database.get_metadata("schema") != "1") throw Failure{CX_DAMAGED, "unknown schema"};
    writer->position();
    for (size_t i = 0; i < older_count; i++) writer->older.push_back(std::make_unique<Older>(older[i]));
    *out = writer.release();
  });
}

void cx_writer_free(cx_writer *writer) noexcept { delete writer; }

int cx_writer_position(const cx_writer *writer, int64_t *out, cx_error *error) noexcept {
  return guarded(error, [&] { *out = writer->position(); });
}

int cx_writer_documents(const cx_writer *writer, uint64_t *out, cx_error *error) noexcept {
  return guarded(error, [&] { *out = writer->database.get_doccount(); });
}

int cx_writer_apply(cx_writer *writer, const uint8_t *batch, size_t count, int64_t position,
                    cx_error *error) noexcept {
  return guarded(error, [&] {
    if (position < 0 || position > position_max) throw Failure{CX_BAD_BATCH, "a position out of range"};
    auto operations = read_batch(batch, count, position);
    writer->begin();
    apply(*writer, operations, position);
    writer->commit();
    // A change Xapian cancelled by itself would have taken the position along.
    if (writer->position() != position) throw Failure{CX_FAILED, "the batch was lost on commit"};
  });
}

int cx_writer_delete(cx_writer *writer, const uint32_t *documents, size_t document_count, const uint8_t *terms,
                     size_t terms_count, uint64_t *deleted, cx_error *error) noexcept {
  return guarded(error, [&] {
    std::vector<Xapian::docid> going(documents, documents + document_count);
    ByteCursor cursor(terms, terms_count, CX_BAD_BATCH);
    while (!cursor.at_end()) collect(writer->database, cursor.term(), going);
    auto before = writer->database.get_doccount();
    int64_t position = writer->position();
    writer->begin();
    for (auto document : going) writer->sidecar.clear(sequence_of(document), position, Record::leaving);
    for (auto document : going) erase(writer->database, document);
    writer->commit();
    *deleted = before - writer->database.get_doccount();
  });
}
}
