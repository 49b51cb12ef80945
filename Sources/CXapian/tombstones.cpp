#include "tombstones.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static uint32_t checksum(uint32_t document, int64_t position) {
  uint64_t value = (uint64_t(position) + 0x9e3779b97f4a7c15u) ^ (uint64_t(document) << 21);
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return uint32_t(value ^ (value >> 31));
}

Tombstone Tombstone::make(uint32_t document, int64_t position) {
  return Tombstone{position, document, checksum(document, position)};
}

bool Tombstone::is_intact() const { return check == checksum(document, position); }

bool Tombstones::exists(const std::string &directory) { return access(path_in(directory).c_str(), F_OK) == 0; }

void Tombstones::create(const std::string &directory) {
  int file = open(path_in(directory).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) throw_errno("create tombstones");
  bool is_synced = fsync(file) == 0;
  close(file);
  if (!is_synced) throw_errno("sync tombstones");
}

/// The entries from an offset on. What is not whole at the end belongs to a commit that has not come, or never will.
static std::vector<Tombstone> read_from(int file, uint64_t offset, uint64_t end) {
  std::vector<Tombstone> read((end - offset) / sizeof(Tombstone));
  size_t bytes = read.size() * sizeof(Tombstone);
  if (pread(file, read.data(), bytes, off_t(offset)) != ssize_t(bytes)) throw_errno("read tombstones");
  while (!read.empty() && !read.back().is_intact()) read.pop_back();
  for (const Tombstone &tombstone : read) {
    if (!tombstone.is_intact()) throw Failure{CX_DAMAGED, "a tombstone fails its checksum"};
  }
  return read;
}

void Tombstones::refresh(int64_t position) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) throw_errno("stat tombstones");
  if (uint64_t(info.st_size) > offset) {
    int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) throw_errno("open tombstones");
    std::vector<Tombstone> read;
    try {
      read = read_from(file, offset, uint64_t(info.st_size));
    } catch (...) {
      close(file);
      throw;
    }
    close(file);
    waiting.insert(waiting.end(), read.begin(), read.end());
    offset += read.size() * sizeof(Tombstone);
  }
  std::vector<Tombstone> later;
  for (const Tombstone &tombstone : waiting) {
    if (tombstone.position > position) {
      later.push_back(tombstone);
    } else if (dead.insert(tombstone.document).second) {
      counted.push_back(tombstone);
    }
  }
  waiting.swap(later);
}

std::vector<Tombstone> Tombstones::all() const {
  std::vector<Tombstone> all = counted;
  all.insert(all.end(), waiting.begin(), waiting.end());
  return all;
}

TombstoneLog::TombstoneLog(const std::string &directory) {
  file = open(Tombstones::path_in(directory).c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) throw_errno("open tombstones");
  try {
    struct stat info;
    if (fstat(file, &info) != 0) throw_errno("stat tombstones");
    end = read_from(file, 0, uint64_t(info.st_size)).size() * sizeof(Tombstone);
  } catch (...) {
    close(file);
    throw;
  }
}

TombstoneLog::~TombstoneLog() { close(file); }

void TombstoneLog::sync() {
  if (pending.empty()) return;
  size_t bytes = pending.size() * sizeof(Tombstone);
  if (pwrite(file, pending.data(), bytes, off_t(end)) != ssize_t(bytes) || fdatasync(file) != 0) {
    throw_errno("write tombstones");
  }
  end += bytes;
  pending.clear();
}
