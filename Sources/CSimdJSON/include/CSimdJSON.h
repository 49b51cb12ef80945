#ifndef CSIMDJSON_H
#define CSIMDJSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A plain C face of simdjson's DOM parser. A value is the number of its place on the parser's tape (see
// doc/tape.md of simdjson): handing one over costs nothing and holds no pointer. A place is good until the
// parser's next csj_parse; place 0 is never a value, so it also says "none". No function throws.

#ifdef __cplusplus
#define CSJ_NOEXCEPT noexcept
extern "C" {
#else
#define CSJ_NOEXCEPT
#endif

typedef struct csj_parser csj_parser;

enum csj_kind {
  CSJ_OBJECT,
  CSJ_ARRAY,
  CSJ_STRING,
  CSJ_INTEGER,
  CSJ_DOUBLE,
  CSJ_BOOL,
  CSJ_NULL,
};

enum csj_status {
  CSJ_OK,
  CSJ_MALFORMED,
  CSJ_NOT_UTF8,
  CSJ_TOO_LARGE,
  CSJ_TOO_DEEP,
  CSJ_NO_MEMORY,
};

/// A parser of documents up to `capacity` bytes; NULL when memory is short.
csj_parser *csj_parser_new(size_t capacity) CSJ_NOEXCEPT;
void csj_parser_free(csj_parser *parser) CSJ_NOEXCEPT;

/// Copies `count` bytes into the parser's padded buffer and parses them; on CSJ_OK `root` is the outermost
/// value.
int csj_parse(csj_parser *parser, const uint8_t *bytes, size_t count, size_t *root) CSJ_NOEXCEPT;

uint8_t csj_kind_at(const csj_parser *parser, size_t place) CSJ_NOEXCEPT;
bool csj_bool_at(const csj_parser *parser, size_t place) CSJ_NOEXCEPT;
int64_t csj_integer_at(const csj_parser *parser, size_t place) CSJ_NOEXCEPT;
double csj_double_at(const csj_parser *parser, size_t place) CSJ_NOEXCEPT;
/// UTF-8, may hold NULs, belongs to the parser; NULL for what is no string.
const uint8_t *csj_string_at(const csj_parser *parser, size_t place, size_t *count) CSJ_NOEXCEPT;

/// The value of the first member named so, or 0 if there is none, or no object.
size_t csj_find(const csj_parser *parser, size_t object, const uint8_t *key, size_t count) CSJ_NOEXCEPT;
/// Walk a container from csj_first to csj_end by csj_after; in an object, a key at `place` has its value at
/// `place + 1`.
size_t csj_first(const csj_parser *parser, size_t container) CSJ_NOEXCEPT;
size_t csj_end(const csj_parser *parser, size_t container) CSJ_NOEXCEPT;
size_t csj_after(const csj_parser *parser, size_t place) CSJ_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif
