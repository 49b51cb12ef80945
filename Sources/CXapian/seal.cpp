#include "files.hpp"
#include "opening.hpp"
#include "reader.hpp"

#include <algorithm>
#include <atomic>
#include <new>

struct cx_stop {
  std::atomic<bool> is_set{false};
};

namespace {

/// Where one document goes.
struct Move {
  Entry entry;
  uint32_t source;
  Xapian::docid document;
};

/// A document's term, both by number.
struct Pair {
  uint32_t place, term;
};

/// New places of one source's documents; 0: it does not move.
class Places {
public:
  explicit Places(const Xapian::Database &database) {
    auto at = database.postlist_begin(std::string());
    lowest = at == database.postlist_end(std::string()) ? 1 : *at;
    places.resize(size_t(database.get_lastdocid()) - lowest + 1, 0);
  }

  uint32_t &operator[](Xapian::docid document) {
    // A record may name a document that was never committed.
    if (document < lowest || document - lowest >= places.size()) return elsewhere = 0;
    return places[document - lowest];
  }

private:
  Xapian::docid lowest;
  uint32_t elsewhere = 0;
  std::vector<uint32_t> places;
};

/// Documents whose terms are gathered at a time: what bounds the memory, about 16 bytes a term of a document.
constexpr uint32_t chunk = 500'000;
constexpr uint32_t commit_every = 50'000;

bool is_newer(const Move &left, const Move &right) {
  return left.entry.created_at != right.entry.created_at ? left.entry.created_at > right.entry.created_at
                                                         : left.entry.sequence > right.entry.sequence;
}

std::vector<std::string> read_terms(const uint8_t *terms, size_t count) {
  std::vector<std::string> read;
  ByteCursor cursor(terms, count, CX_BAD_BATCH);
  while (!cursor.at_end()) read.push_back(cursor.term());
  return read;
}

/// Makes one sealed generation out of others.
class Sealer {
public:
  Sealer(const char *const *paths, size_t count, int64_t position, const cx_stop &stop) : stop(stop) {
    for (size_t i = 0; i < count; i++) {
      sources.push_back(std::make_unique<cx_reader>(paths[i], false));
      sources.back()->refresh(position);
    }
  }

  /// Returns how many live documents stay behind.
  uint64_t choose(const std::vector<std::string> &terms, const int64_t *sequences, size_t sequence_count) {
    uint64_t dropped = 0;
    for (uint32_t number = 0; number < sources.size(); number++) {
      const cx_reader &source = *sources[number];
      Places going(source.database);
      for (const std::string &term : terms) {
        for (auto at = source.database.postlist_begin(term); at != source.database.postlist_end(term); ++at) {
          going[*at] = 1;
        }
      }
      for (size_t i = 0; i < sequence_count; i++) {
        Xapian::docid document = source.records->document_of(sequences[i]);
        if (document != 0) going[document] = 1;
      }
      auto end = source.database.postlist_end(std::string());
      for (auto at = source.database.postlist_begin(std::string()); at != end; ++at) {
        Move move{{}, number, *at};
        if (!source.at(*at, move.entry)) continue;
        if (going[*at] != 0) dropped++;
        else moves.push_back(move);
      }
    }
    std::sort(moves.begin(), moves.end(), is_newer);
    return dropped;
  }

  void write(const char *scratch, const char *target) {
    build(scratch);
    Xapian::Database(scratch).compact(target, Xapian::DBCOMPACT_NO_RENUMBER | Xapian::Compactor::FULL);
    std::vector<Entry> entries;
    for (const Move &move : moves) entries.push_back(move.entry);
    Columns::write(target, entries);
    DenseTerms::write(target, Xapian::Database(target));
    Tombstones::create(target);
    cx_reader written(target, false);
    if (written.database.get_doccount() != moves.size()) throw Failure{CX_FAILED, "the sealed copy differs"};
    sync_files(target);
  }

private:
  void build(const char *path) {
    Xapian::WritableDatabase database =
        open_writable(path, Xapian::DB_CREATE | Xapian::DB_NO_TERMLIST | Xapian::DB_NO_SYNC);
    database.set_metadata("schema", "1");
    database.set_metadata("position", "0");
    database.commit();
    std::vector<Places> places;
    for (auto &source : sources) places.emplace_back(source->database);
    for (uint32_t i = 0; i < moves.size(); i++) places[moves[i].source][moves[i].document] = i + 1;
    for (uint32_t from = 0; from < moves.size(); from += chunk) {
      append(database, places, from, std::min(uint32_t(moves.size()), from + chunk));
    }
    database.close();
  }

  /// Inverts the sources' lists for the documents of places from + 1 to `to`, and adds these.
  void append(Xapian::WritableDatabase &database, std::vector<Places> &places, uint32_t from, uint32_t to) {
    std::vector<std::string> terms;
    std::vector<Pair> pairs;
    for (size_t number = 0; number < sources.size(); number++) {
      Xapian::Database &source = sources[number]->database;
      for (auto term = source.allterms_begin(); term != source.allterms_end(); ++term) {
        bool is_met = false;
        check_stop();
        for (auto at = source.postlist_begin(*term); at != source.postlist_end(*term); ++at) {
          uint32_t place = places[number][*at];
          if (place <= from || place > to) continue;
          if (!is_met) terms.push_back(*term);
          is_met = true;
          pairs.push_back(Pair{place, uint32_t(terms.size() - 1)});
        }
      }
    }
    std::sort(pairs.begin(), pairs.end(),
              [](const Pair &left, const Pair &right) { return left.place < right.place; });
    auto next = pairs.begin();
    database.begin_transaction(false);
    for (uint32_t place = from + 1; place <= to; place++) {
      Xapian::Document document;
      check_stop();
      for (; next != pairs.end() && next->place == place; ++next) add(document, terms[next->term], moves[place - 1]);
      database.replace_document(place, document);
      if (place % commit_every == 0 || place == to) {
        database.commit_transaction();
        database.commit();
        if (place < to) database.begin_transaction(false);
      }
    }
  }

  void add(Xapian::Document &document, const std::string &term, const Move &move) {
    Xapian::Database &source = sources[move.source]->database;
    bool is_placed = false;
    if (source.has_positions()) {
      auto end = source.positionlist_end(move.document, term);
      for (auto at = source.positionlist_begin(move.document, term); at != end; ++at, is_placed = true) {
        document.add_posting(term, *at, 0);
      }
    }
    if (!is_placed) document.add_boolean_term(term);
  }

  void check_stop() const {
    if (stop.is_set) throw Failure{CX_DEADLINE, "stopped"};
  }

  const cx_stop &stop;
  std::vector<std::unique_ptr<cx_reader>> sources;
  std::vector<Move> moves;
};

}  // namespace

extern "C" {

cx_stop *cx_stop_create(void) noexcept { return new (std::nothrow) cx_stop; }
void cx_stop_set(cx_stop *stop) noexcept { stop->is_set = true; }
void cx_stop_free(cx_stop *stop) noexcept { delete stop; }

int cx_seal(const char *const *sources, size_t source_count, const char *scratch, const char *target,
            int64_t position, const uint8_t *terms, size_t terms_count, const int64_t *sequences,
            size_t sequence_count, const cx_stop *stop, uint64_t *dropped, cx_error *error) noexcept {
  return guarded(error, [&] {
    Sealer sealer(sources, source_count, position, *stop);
    *dropped = sealer.choose(read_terms(terms, terms_count), sequences, sequence_count);
    sealer.write(scratch, target);
  });
}

int cx_carry(const char *const *sources, size_t source_count, const char *target, int64_t position,
             cx_error *error) noexcept {
  return guarded(error, [&] {
    Columns sealed(target);
    TombstoneLog log(target);
    for (size_t i = 0; i < source_count; i++) {
      cx_reader source(sources[i], false);
      source.tombstones->refresh(INT64_MAX);
      for (const Tombstone &tombstone : source.tombstones->all()) {
        Entry entry;
        // What had left before is not in the target; a newer version of it, from another source, may be.
        if (tombstone.position <= position || !source.records->at(tombstone.document, entry)) continue;
        if (uint32_t document = sealed.document_of(entry.sequence)) log.append(document, tombstone.position);
      }
    }
    log.sync();
  });
}

int cx_concerns(const char *path, const uint8_t *terms, size_t terms_count, const int64_t *sequences,
                size_t sequence_count, bool *out, cx_error *error) noexcept {
  return guarded(error, [&] {
    cx_reader reader(path, false);
    auto names = read_terms(terms, terms_count);
    *out = std::any_of(names.begin(), names.end(),
                       [&](const std::string &name) { return reader.database.term_exists(name); }) ||
           std::any_of(sequences, sequences + sequence_count,
                       [&](int64_t sequence) { return reader.records->document_of(sequence) != 0; });
  });
}

}
