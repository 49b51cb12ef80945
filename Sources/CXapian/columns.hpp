#pragma once

#include "files.hpp"
#include "guard.hpp"
#include "records.hpp"

#include <string>
#include <vector>

/// The records of a sealed generation, in the file `columns` (Schemas/formats/index-v2.md): documents 1 to n by
/// falling (creation time, sequence). Written once, covered by the generation's manifest.
///
/// header · conversation ids · sender ids · four columns of little-endian numbers of the header's widths: places in
/// the two lists of ids, (created_at - oldest) / unit, sequence - lowest · 8 zero bytes.
struct ColumnsHeader {
  char magic[8];
  uint32_t documents, conversations, senders;
  uint8_t conversation_width, sender_width, time_width, sequence_width;
  int64_t oldest, newest, unit, lowest, highest;
};
static_assert(sizeof(ColumnsHeader) == 64, "the file's form");

class Columns : public Records {
public:
  explicit Columns(const std::string &directory);

  static bool exists(const std::string &directory);
  /// Entries by falling (creation time, sequence). Synced.
  static void write(const std::string &directory, const std::vector<Entry> &entries);

  bool at(uint32_t document, Entry &out) const override;
  bool conversation_at(uint32_t document, int64_t &out) const override;
  uint32_t conversations() const override { return header.conversations; }
  int64_t conversation(uint32_t place) const override { return int64_t(number(conversation_ids, 8, place)); }
  uint32_t number_of(int64_t conversation) const override;
  bool number_at(uint32_t document, uint32_t &out) const override;
  uint32_t document_of(int64_t sequence) const override;
  int64_t disorder() const override { return 0; }
  int64_t oldest() const override { return header.oldest; }
  int64_t newest() const override { return header.newest; }
  bool may_hold(int64_t conversation) const override { return number_of(conversation) < header.conversations; }
  std::pair<uint32_t, uint32_t> ids(int64_t from, int64_t until) const override;

private:
  uint64_t number(const uint8_t *column, uint8_t width, uint32_t place) const;
  int64_t created_at(uint32_t place) const;
  int64_t sequence(uint32_t place) const;
  /// How many documents were created at `time` or later.
  uint32_t count_from(int64_t time) const;

  MappedFile file;
  ColumnsHeader header;
  const uint8_t *conversation_ids, *sender_ids;
  const uint8_t *conversation_column, *sender_column, *time_column, *sequence_column;
  /// Documents by sequence, made when first asked for: only writers ask.
  mutable std::vector<uint32_t> by_sequence;
};
