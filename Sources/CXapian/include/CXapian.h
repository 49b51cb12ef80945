#ifndef CXAPIAN_H
#define CXAPIAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A plain C face of one generation of a search index: a directory with a Xapian glass database and the file
// `sidecar`. No function throws; each returns a status, and a failure leaves an owned message in `error`.
// No handle may be used by two threads at once. Integers in byte forms are little-endian.
//
// Document ids: CX_DOCUMENT_BASE - sequence, so that ascending ids are newest first. Sequences: 1 to 2^31 - 1.

#ifdef __cplusplus
#define CX_NOEXCEPT noexcept
extern "C" {
#else
#define CX_NOEXCEPT
#endif

#define CX_DOCUMENT_BASE 0x80000000u
#define CX_TERM_BYTES_MAX 200
/// As the B-tree stores it: every zero byte counts twice. More and Xapian fails at commit, dropping the batch.
#define CX_TERM_KEY_BYTES_MAX 245
#define CX_TREE_DEPTH_MAX 64
/// Of the first word of a text. Glass takes an empty position list for one with a word at 0 when asked to skip
/// there (GlassPositionList::skip_to, 1.4.22), so a phrase would match words without positions next to ones at 1, 2,
/// …. Text that starts beyond the longest phrase or window is out of that phantom's reach.
#define CX_FIRST_POSITION 4096
#define CX_WINDOW_MAX 2048

enum cx_status {
  CX_OK,
  CX_LOCKED,     // another writer has the database
  CX_MODIFIED,   // the revision being read is gone: reopen and run the whole request again
  CX_NOT_FOUND,  // there is no database at the path
  CX_DAMAGED,    // the database or its sidecar is not what was written
  CX_BAD_BATCH,  // refused before Xapian saw any of it
  CX_BAD_QUERY,
  CX_DEADLINE,
  CX_IO,         // disk full, too many files, read or write failed
  CX_NO_MEMORY,
  CX_FAILED,     // anything else, a bug among them
};

/// Zero it before the first use. `message` may hold parts of terms: for debugging, not for logs.
typedef struct cx_error {
  char *message;
} cx_error;
void cx_error_clear(cx_error *error) CX_NOEXCEPT;

/// Bytes owned by the caller, freed by cx_bytes_free.
typedef struct cx_bytes {
  uint8_t *bytes;
  size_t count;
} cx_bytes;
void cx_bytes_free(cx_bytes *bytes) CX_NOEXCEPT;

// Writing

typedef struct cx_writer cx_writer;

/// Makes an empty hot generation in the existing directory `path`, at a feed position.
int cx_create(const char *path, const char *epoch, int64_t position, cx_error *error) CX_NOEXCEPT;
/// Makes a hot generation one that is written to no more, from the next opening on. Its name and files stay.
int cx_freeze(const char *path, cx_error *error) CX_NOEXCEPT;
/// The writer of a hot generation. From those that are written to no more, `older`, it takes out what it writes anew or
/// deletes.
int cx_writer_open(const char *path, const char *const *older, size_t older_count, cx_writer **out,
                   cx_error *error) CX_NOEXCEPT;
/// Commits nothing.
void cx_writer_free(cx_writer *writer) CX_NOEXCEPT;

int cx_writer_position(const cx_writer *writer, int64_t *out, cx_error *error) CX_NOEXCEPT;
/// Of the hot generation alone.
int cx_writer_documents(const cx_writer *writer, uint64_t *out, cx_error *error) CX_NOEXCEPT;

/// Applies a batch and the new position in one transaction; on any failure nothing of it, and the writer must be
/// freed. Sidecar records are on disk before the commit. The batch is a run of operations:
///   put    0x01, u32 document, i64 conversation, i64 sender, i64 created_at,
///          u32 n, n × (u8 length, term), u32 m, m × (u8 length, term at position CX_FIRST_POSITION + i)
///   delete 0x02, u32 document
int cx_writer_apply(
    cx_writer *writer, const uint8_t *batch, size_t count, int64_t position, cx_error *error) CX_NOEXCEPT;

/// Deletes documents by id and by term: `terms` is a run of (u8 length, term). Records are emptied first.
int cx_writer_delete(
    cx_writer *writer, const uint32_t *documents, size_t document_count, const uint8_t *terms,
    size_t terms_count, uint64_t *deleted, cx_error *error) CX_NOEXCEPT;

/// Lets another thread end a long call, which then fails with CX_DEADLINE.
typedef struct cx_stop cx_stop;
cx_stop *cx_stop_create(void) CX_NOEXCEPT;
void cx_stop_set(cx_stop *stop) CX_NOEXCEPT;
void cx_stop_free(cx_stop *stop) CX_NOEXCEPT;

/// Writes what is live of any generations as one sealed one, newest first, without what is in tombstones at
/// `position`, holds one of `terms` (a run of u8 length, term) or has one of the sequences. `scratch` and `target` are
/// existing empty directories; `target` is synced, `scratch` is left for the caller to remove. `dropped` counts what
/// was live.
int cx_seal(const char *const *sources, size_t source_count, const char *scratch, const char *target,
            int64_t position, const uint8_t *terms, size_t terms_count, const int64_t *sequences,
            size_t sequence_count, const cx_stop *stop, uint64_t *dropped, cx_error *error) CX_NOEXCEPT;
/// Brings over to a newly sealed `target` what left its sources since the position it was sealed at.
int cx_carry(const char *const *sources, size_t source_count, const char *target, int64_t position,
             cx_error *error) CX_NOEXCEPT;
/// Whether a generation that is written to no more holds any of the terms or sequences, deleted or not.
int cx_concerns(const char *path, const uint8_t *terms, size_t terms_count, const int64_t *sequences,
                size_t sequence_count, bool *out, cx_error *error) CX_NOEXCEPT;

/// Writes what is live in the hot generation, database and sidecar, to the existing empty directory `target`, with none
/// of the bytes that deletions leave behind, and syncs it.
int cx_compact(const char *source, const char *target, cx_error *error) CX_NOEXCEPT;

// Reading

typedef struct cx_reader cx_reader;

int cx_reader_open(const char *path, bool is_hot, cx_reader **out, cx_error *error) CX_NOEXCEPT;
void cx_reader_free(cx_reader *reader) CX_NOEXCEPT;
/// Moves the hot generation on to its newest revision, and any other on to the deletions that count at the hot one's
/// position. `position` is the hot one's then.
int cx_reader_refresh(cx_reader *reader, int64_t hot_position, int64_t *position, cx_error *error) CX_NOEXCEPT;
/// The creation time of the newest document ever put; INT64_MIN: there was none.
int64_t cx_reader_newest(const cx_reader *reader) CX_NOEXCEPT;

typedef struct cx_state {
  int64_t position;
  /// That are not deleted.
  uint64_t documents;
  uint64_t revision;
  /// Deleted documents that are still in the files.
  uint64_t tombstones;
  /// Creation times, microseconds since 1970; oldest after newest: none was ever there.
  int64_t oldest, newest;
  bool is_sealed;
} cx_state;
int cx_reader_state(cx_reader *reader, cx_state *out, cx_error *error) CX_NOEXCEPT;

/// Half open, microseconds since 1970.
typedef struct cx_window {
  int64_t conversation, from, until;
} cx_window;

/// Who may see what, and whose messages are looked for: made once for a search, and read by any number of threads.
typedef struct cx_scope cx_scope;
/// Without `scoped`, every conversation at any time. The windows of a conversation are side by side. No senders: all.
int cx_scope_create(bool scoped, const cx_window *windows, size_t window_count, const int64_t *senders,
                    size_t sender_count, cx_scope **out, cx_error *error) CX_NOEXCEPT;
void cx_scope_free(cx_scope *scope) CX_NOEXCEPT;

typedef struct cx_search {
  /// In pre-order: 1 term (u8 length, bytes) · 2 phrase (u16 n, n terms) · 3 near (u32 window, u16 n, n terms) ·
  /// 4 prefix (u8 length, bytes) · 5 all (u16 n, n trees) · 6 any (u16 n, n trees) · 7 not (tree) · 8 everything ·
  /// 9 clauses (u16 n, n × (i64 conversation, u8 m, m × (u8 k, k terms))): in one of the conversations, for each of
  /// its m, one of the k terms · 10 hint (u16 n, n terms), in 5 only: terms one of which every document in scope holds,
  /// looked up where that narrows what is before it
  const uint8_t *tree;
  size_t tree_count;
  const cx_scope *scope;
  int64_t from, until;
  /// Only documents before this place (exclusive) are returned; all are counted.
  bool has_before;
  int64_t before_time, before_sequence;
  uint32_t limit;
  /// Once so many were counted, the search stops as soon as no better hit can come. 0: no more than the page needs.
  uint64_t count_max;
  /// On cx_clock's scale.
  int64_t deadline;
} cx_search;

typedef struct cx_hit {
  int64_t conversation, sender, created_at, sequence;
} cx_hit;

/// `hits` are the newest first; freed by cx_page_free.
typedef struct cx_page {
  cx_hit *hits;
  size_t count;
  uint64_t matches;
  bool exact;
} cx_page;

int cx_reader_search(cx_reader *reader, const cx_search *search, cx_page *out, cx_error *error) CX_NOEXCEPT;
void cx_page_free(cx_page *page) CX_NOEXCEPT;

enum cx_bucket_kind { CX_BY_CONVERSATION = 1, CX_BY_SENDER = 2, CX_BY_DAY = 4 };
/// Matches of one conversation, sender, or day since 1970 (UTC).
typedef struct cx_bucket {
  uint32_t kind;
  int64_t key;
  uint64_t count;
} cx_bucket;
/// In no order; freed by cx_facets_free. Not exact: there are more matches than `matches`, which were looked at.
typedef struct cx_facets {
  cx_bucket *buckets;
  size_t count;
  uint64_t matches;
  bool exact;
} cx_facets;
/// Counts matches, count_max at most, under each of the `kinds`; cursor and limit do not matter.
int cx_reader_facets(cx_reader *reader, const cx_search *search, uint32_t kinds, cx_facets *out,
                     cx_error *error) CX_NOEXCEPT;
void cx_facets_free(cx_facets *facets) CX_NOEXCEPT;

/// `cells`: a row a hit, a byte a slot: how often the slot's words are in it, 0 to 8. Not exact: older matches were
/// left out. In no order; freed by cx_ranking_free.
typedef struct cx_ranking {
  cx_hit *hits;
  uint8_t *cells;
  size_t count;
  bool exact;
} cx_ranking;
/// The newest matches, `limit` at most, and what of `slots` each holds: u16 n, n × (u16 m, m × (u8 kind, u8 length,
/// term)), where kind is 1 for a term and 4 for a prefix. The cursor does not matter.
int cx_reader_rank(cx_reader *reader, const cx_search *search, const uint8_t *slots, size_t slots_count,
                   cx_ranking *out, cx_error *error) CX_NOEXCEPT;
void cx_ranking_free(cx_ranking *ranking) CX_NOEXCEPT;

/// Two sums over every document with its record, terms and places; the order of documents and which generation they lie
/// in do not matter. Live ones only.
int cx_fingerprint(cx_reader *reader, uint64_t out[2], cx_error *error) CX_NOEXCEPT;

/// Of a generation that is not sealed: serialises documents from id `from` on, about 1 MiB of them, in ascending
/// order: u32 document, its record
/// (i64 conversation, i64 sender, i64 created_at), u32 n, n × (u8 length, term, u32 m, m × u32 position).
/// `next` is where to go on, 0 at the end.
int cx_reader_dump(
    cx_reader *reader, uint32_t from, cx_bytes *out, uint32_t *next, cx_error *error) CX_NOEXCEPT;

typedef struct cx_content {
  int64_t conversation, sender, created_at;
  /// Over the record, and with digests also the terms and their places.
  uint64_t digest;
  /// If not, everything else is 0.
  bool is_present;
} cx_content;
/// What the generation says of documents by sequence, ascending. `out` has room for `count`. With digests it reads all
/// of the generation's postings.
int cx_contents(cx_reader *reader, const int64_t *sequences, size_t count, bool with_digests, cx_content *out,
                cx_error *error) CX_NOEXCEPT;

/// Which terms are counted, and in which conversations.
typedef struct cx_tally {
  const uint8_t *prefix;
  size_t prefix_count;
  /// Only terms behind this one; empty: from the first.
  const uint8_t *after;
  size_t after_count;
  /// Ascending; documents of others are not counted.
  const int64_t *conversations;
  /// Not 0: counts are told by conversation.
  const uint8_t *watched;
  size_t conversation_count;
} cx_tally;

/// Serialises the terms that occur in those conversations, about 1 MiB of them, in ascending order:
/// u8 length, term, u32 documents, u32 conversations, u32 n, n × (u32 place in `conversations`, u32 documents),
/// u32 m, m × i64 sequence, of all documents if they are few, else of none. Numbers are little-endian, not aligned.
/// Reads all postings of the terms. `more`: call again with the last term.
int cx_reader_tally(
    cx_reader *reader, const cx_tally *tally, cx_bytes *out, bool *more, cx_error *error) CX_NOEXCEPT;

/// The sequences (i64) of a term's documents in one conversation, in no order.
int cx_reader_places(cx_reader *reader, const uint8_t *term, size_t count, int64_t conversation, cx_bytes *out,
                     cx_error *error) CX_NOEXCEPT;

enum cx_problem_kind {
  CX_STRUCTURE = 1,        // terms of documents and documents of terms do not agree
  CX_RECORD_BROKEN,        // a sidecar record fails its checksum
  CX_RECORD_MISSING,       // a document without a live record
  CX_RECORD_OF_ANOTHER,    // a record that names another conversation or sender than its document
  CX_DOCUMENT_MISSING,     // a live record without its document
  CX_POSITION_MISSING,     // no readable position inside the database
};
typedef struct cx_problem {
  uint32_t kind;
  uint64_t count;
  /// The sequence of the first one, 0 if it has none.
  int64_t first;
} cx_problem;
#define CX_PROBLEM_KINDS_MAX 8

/// Reads everything. `problems` has room for CX_PROBLEM_KINDS_MAX.
int cx_check(const char *path, bool is_hot, cx_problem *problems, size_t *count, cx_error *error) CX_NOEXCEPT;

/// Whether any file of the directory holds the bytes, as they are or as the B-tree escapes them. Reads everything.
int cx_contains(const char *path, const uint8_t *bytes, size_t count, bool *out, cx_error *error) CX_NOEXCEPT;

/// A monotonic clock, microseconds.
int64_t cx_clock(void) CX_NOEXCEPT;

#ifdef __cplusplus
}
#endif
#endif
