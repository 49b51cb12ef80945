#pragma once

#include "guard.hpp"
#include "records.hpp"

#include <cstddef>
#include <string>
#include <vector>

/// The records of a generation that is written to, 32 bytes a sequence. Fixed, little-endian.
struct Record {
  enum State : uint8_t {
    none = 0,
    live = 1,
    deleted = 2,
    /// Being purged: its document may be there until the purge's commit.
    leaving = 3,
  };

  int64_t conversation = 0, sender = 0, created_at = 0;
  /// position << 24 | checksum << 8 | state: the position of the batch that wrote it tells a record whose commit
  /// a crash prevented from a damaged one.
  uint64_t word = 0;

  static Record make(int64_t sequence, int64_t conversation, int64_t sender, int64_t created_at,
                     int64_t position, State state);
  State state() const { return State(uint8_t(word)); }
  int64_t position() const { return int64_t(word >> 24); }
  bool is_intact(int64_t sequence) const;
};
static_assert(sizeof(Record) == 32, "the file's form");

constexpr int64_t sequence_max = (int64_t(1) << 31) - 1;
constexpr int64_t position_max = (int64_t(1) << 40) - 1;
/// Differences of two times within ± this do not overflow.
constexpr int64_t time_max = int64_t(1) << 61;

/// The file's first 64 bytes; the record of sequence n lies at 32 * (n + 1).
struct SidecarHeader {
  char magic[8];
  /// Of sequences ever put, and their times.
  int64_t highest, newest, oldest;
  /// For any two sequences a < b: created_at(a) - created_at(b) <= disorder, microseconds. 0: times never fall.
  /// Lets a search that goes down the sequences know when nothing newer can come.
  int64_t disorder;
  uint64_t check;
  uint64_t reserved[2];

  static SidecarHeader empty();
  void seal();
  bool is_intact() const;
  /// Takes in a time put at `sequence`; `known` is the record there before.
  void note(int64_t sequence, int64_t created_at, const Record &known);
};
static_assert(sizeof(SidecarHeader) == 64, "the file's form");

/// A reader's view: the file mapped shared, so that deletions show at once.
class SidecarMap : public Records {
public:
  SidecarMap() = default;
  ~SidecarMap() override;
  SidecarMap(const SidecarMap &) = delete;
  SidecarMap &operator=(const SidecarMap &) = delete;

  void open(const std::string &directory);
  /// Maps anew if the file has grown.
  void refresh();
  /// The highest sequence the mapping has room for.
  int64_t capacity() const { return int64_t(size / sizeof(Record)) - 2; }
  /// The record, `none` beyond the end. A writer empties a record's state first: what reads as live was live.
  Record record(int64_t sequence) const;
  SidecarHeader header() const;

  bool at(uint32_t document, Entry &out) const override;
  bool conversation_at(uint32_t document, int64_t &out) const override;
  uint32_t document_of(int64_t sequence) const override;
  int64_t disorder() const override { return extreme(offsetof(SidecarHeader, disorder)); }
  int64_t oldest() const override { return extreme(offsetof(SidecarHeader, oldest)); }
  int64_t newest() const override { return extreme(offsetof(SidecarHeader, newest)); }
  bool may_hold(int64_t) const override { return true; }
  /// All: arrival says nothing of time.
  std::pair<uint32_t, uint32_t> ids(int64_t, int64_t) const override { return {1, UINT32_MAX}; }

private:
  int64_t extreme(size_t offset) const;

  int file = -1;
  uint8_t *base = nullptr;
  size_t size = 0;
};

/// The one writer's access. Nothing is sure to be on disk before `sync`.
class SidecarFile {
public:
  explicit SidecarFile(const std::string &directory);
  ~SidecarFile();
  SidecarFile(const SidecarFile &) = delete;
  SidecarFile &operator=(const SidecarFile &) = delete;

  static void create(const std::string &directory);

  Record at(int64_t sequence) const;
  void put(int64_t sequence, const Record &record);
  /// Empties the record, if there is one.
  void clear(int64_t sequence, int64_t position, Record::State state);
  /// Writes a record of nobody as it is, taking no note of its time.
  void carry(int64_t sequence, const Record &record);
  /// Writes what is gathered, and the header, to disk.
  void sync();

private:
  void flush();
  void reserve(int64_t sequence);
  void write(const void *bytes, size_t count, uint64_t offset);

  int file = -1;
  uint64_t size = 0;
  SidecarHeader header;
  bool is_changed = false;
  /// Records of consecutive sequences from `run_start` on, not yet written.
  std::vector<Record> run;
  int64_t run_start = 0;
};
