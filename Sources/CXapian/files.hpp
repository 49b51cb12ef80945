#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// Every file of a directory, with its path.
std::vector<std::string> files_in(const std::string &directory);

/// Makes a directory's files and their names durable: Xapian syncs no directory, and compaction not every file.
void sync_files(const std::string &directory);

/// A file that is written once, from its beginning to its end.
class NewFile {
public:
  /// There must be none of the name.
  explicit NewFile(const std::string &path);
  ~NewFile();
  NewFile(const NewFile &) = delete;
  NewFile &operator=(const NewFile &) = delete;

  void write(const std::string &bytes);
  /// To be called last: nothing is sure to be on disk before.
  void sync();

private:
  int file;
};

/// A file's bytes, mapped to be read.
class MappedFile {
public:
  explicit MappedFile(const std::string &path);
  ~MappedFile();
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;

  /// Null if it is empty.
  const uint8_t *bytes() const { return base; }
  const uint8_t *end() const { return base + size; }
  size_t count() const { return size; }

private:
  const uint8_t *base = nullptr;
  size_t size = 0;
};
