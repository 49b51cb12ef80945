// simdjson reports errors by code; without its throwing overloads nothing here can throw, and `noexcept`
// turns a mistake about that into a termination instead of an exception inside Swift frames.
#define SIMDJSON_EXCEPTIONS 0
#include "CSimdJSON.h"

#include <simdjson.h>

#include <cstring>
#include <memory>
#include <new>

using simdjson::internal::tape_ref;
using simdjson::internal::tape_type;

struct csj_parser {
  explicit csj_parser(size_t capacity) noexcept : dom(capacity), capacity(capacity) {}

  simdjson::dom::parser dom;
  size_t capacity;
  // simdjson reads up to SIMDJSON_PADDING bytes past the end. Grown, never shrunk: lines are alike.
  std::unique_ptr<uint8_t[]> buffer;
  size_t buffered = 0;

  bool reserve(size_t count) noexcept {
    if (buffer && count <= buffered) return true;
    size_t wanted = count < 16384 ? 16384 : count * 2;
    buffer.reset(new (std::nothrow) uint8_t[wanted + simdjson::SIMDJSON_PADDING]);
    buffered = buffer ? wanted : 0;
    return buffer != nullptr;
  }

  tape_ref at(size_t place) const noexcept { return tape_ref(&dom.doc, place); }
};

static int translate(simdjson::error_code error) noexcept {
  switch (error) {
    case simdjson::SUCCESS: return CSJ_OK;
    case simdjson::UTF8_ERROR: return CSJ_NOT_UTF8;
    case simdjson::CAPACITY: return CSJ_TOO_LARGE;
    case simdjson::DEPTH_ERROR: return CSJ_TOO_DEEP;
    case simdjson::MEMALLOC: return CSJ_NO_MEMORY;
    default: return CSJ_MALFORMED;
  }
}

extern "C" {

csj_parser *csj_parser_new(size_t capacity) noexcept { return new (std::nothrow) csj_parser(capacity); }

void csj_parser_free(csj_parser *parser) noexcept { delete parser; }

int csj_parse(csj_parser *parser, const uint8_t *bytes, size_t count, size_t *root) noexcept {
  if (count > parser->capacity) return CSJ_TOO_LARGE;
  if (!parser->reserve(count)) return CSJ_NO_MEMORY;
  if (count > 0) std::memcpy(parser->buffer.get(), bytes, count);
  std::memset(parser->buffer.get() + count, 0, simdjson::SIMDJSON_PADDING);
  simdjson::dom::element element;
  auto error = parser->dom.parse(parser->buffer.get(), count, false).get(element);
  // The tape opens with a root entry at 0; the document's value follows.
  if (error == simdjson::SUCCESS) *root = 1;
  return translate(error);
}

uint8_t csj_kind_at(const csj_parser *parser, size_t place) noexcept {
  switch (parser->at(place).tape_ref_type()) {
    case tape_type::START_OBJECT: return CSJ_OBJECT;
    case tape_type::START_ARRAY: return CSJ_ARRAY;
    case tape_type::STRING: return CSJ_STRING;
    case tape_type::INT64: return CSJ_INTEGER;
    // simdjson uses UINT64 only for what does not fit INT64.
    case tape_type::UINT64:
    case tape_type::DOUBLE: return CSJ_DOUBLE;
    case tape_type::TRUE_VALUE:
    case tape_type::FALSE_VALUE: return CSJ_BOOL;
    default: return CSJ_NULL;
  }
}

bool csj_bool_at(const csj_parser *parser, size_t place) noexcept { return parser->at(place).is_true(); }

int64_t csj_integer_at(const csj_parser *parser, size_t place) noexcept {
  return parser->at(place).next_tape_value<int64_t>();
}

double csj_double_at(const csj_parser *parser, size_t place) noexcept {
  auto value = parser->at(place);
  if (value.is_int64()) return static_cast<double>(value.next_tape_value<int64_t>());
  if (value.is_uint64()) return static_cast<double>(value.next_tape_value<uint64_t>());
  return value.next_tape_value<double>();
}

const uint8_t *csj_string_at(const csj_parser *parser, size_t place, size_t *count) noexcept {
  auto value = parser->at(place);
  if (value.tape_ref_type() != tape_type::STRING) return nullptr;
  auto text = value.get_string_view();
  *count = text.size();
  return reinterpret_cast<const uint8_t *>(text.data());
}

size_t csj_find(const csj_parser *parser, size_t object, const uint8_t *key, size_t count) noexcept {
  if (parser->at(object).tape_ref_type() != tape_type::START_OBJECT) return 0;
  size_t end = csj_end(parser, object);
  for (size_t place = object + 1; place < end; place = parser->at(place + 1).after_element()) {
    auto name = parser->at(place);
    if (name.get_string_length() == count && std::memcmp(name.get_c_str(), key, count) == 0) return place + 1;
  }
  return 0;
}

size_t csj_first(const csj_parser *, size_t container) noexcept { return container + 1; }

size_t csj_end(const csj_parser *parser, size_t container) noexcept {
  return parser->at(container).matching_brace_index() - 1;
}

size_t csj_after(const csj_parser *parser, size_t place) noexcept { return parser->at(place).after_element(); }

}  // extern "C"
