#pragma once

#include "guard.hpp"

#include <string>
#include <unordered_set>
#include <vector>

/// Documents of a generation that is written to no more which were deleted or have a newer version elsewhere: the
/// file `tombstones`, appended to. An entry counts from its feed position on, so that a document disappears from
/// its old place in the very commit that puts it into the new one.
struct Tombstone {
  int64_t position;
  uint32_t document;
  uint32_t check;

  static Tombstone make(uint32_t document, int64_t position);
  bool is_intact() const;
};
static_assert(sizeof(Tombstone) == 16, "the file's form");

class Tombstones {
public:
  explicit Tombstones(const std::string &directory) : path(path_in(directory)) {}

  static std::string path_in(const std::string &directory) { return directory + "/tombstones"; }
  static bool exists(const std::string &directory);
  /// Synced.
  static void create(const std::string &directory);

  /// Takes in what was appended, up to a feed position.
  void refresh(int64_t position);
  bool contains(uint32_t document) const { return !dead.empty() && dead.count(document) > 0; }
  size_t count() const { return dead.size(); }
  /// All that counts or will.
  std::vector<Tombstone> all() const;

private:
  std::string path;
  uint64_t offset = 0;
  std::unordered_set<uint32_t> dead;
  /// Of a commit that has not been seen yet.
  std::vector<Tombstone> waiting;
  std::vector<Tombstone> counted;
};

/// The writer's access.
class TombstoneLog {
public:
  explicit TombstoneLog(const std::string &directory);
  ~TombstoneLog();
  TombstoneLog(const TombstoneLog &) = delete;
  TombstoneLog &operator=(const TombstoneLog &) = delete;

  void append(uint32_t document, int64_t position) { pending.push_back(Tombstone::make(document, position)); }
  void sync();

private:
  int file = -1;
  /// Where the next entry goes: behind the last whole one.
  uint64_t end = 0;
  std::vector<Tombstone> pending;
};
