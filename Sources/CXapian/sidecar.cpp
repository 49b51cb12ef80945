#include "sidecar.hpp"

#include <algorithm>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "records are used where they lie");

/// The file grows by this: a mapping is renewed seldom, and the unused part is a hole.
static const uint64_t growth = 1 << 20;

static uint64_t offset_of(int64_t sequence) { return uint64_t(sequence + 1) * sizeof(Record); }
static std::string path_in(const std::string &directory) { return directory + "/sidecar"; }

/// splitmix64's finaliser: every bit of the input moves about half of the output's.
static uint64_t mix(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

static uint64_t checksum(const Record &record, int64_t sequence) {
  uint64_t sum = mix(uint64_t(sequence) + 0x9e3779b97f4a7c15u);
  for (int64_t field : {record.conversation, record.sender, record.created_at}) sum = mix(sum + uint64_t(field));
  return mix(sum + (record.word & ~uint64_t(0xffff00))) & 0xffff;
}

Record Record::make(int64_t sequence, int64_t conversation, int64_t sender, int64_t created_at, int64_t position,
                    State state) {
  Record record;
  record.conversation = conversation;
  record.sender = sender;
  record.created_at = created_at;
  record.word = uint64_t(position) << 24 | uint64_t(state);
  record.word |= checksum(record, sequence) << 8;
  return record;
}

bool Record::is_intact(int64_t sequence) const {
  bool is_hole = word == 0 && conversation == 0 && sender == 0 && created_at == 0;
  return is_hole || ((word >> 8 & 0xffff) == checksum(*this, sequence) && state() != none && state() <= leaving);
}

SidecarHeader SidecarHeader::empty() {
  SidecarHeader header{};
  std::memcpy(header.magic, "MUNSIDE1", 8);
  header.newest = -time_max;
  header.oldest = time_max;
  header.seal();
  return header;
}

static uint64_t header_checksum(const SidecarHeader &header) {
  uint64_t sum = mix(uint64_t(header.highest) + 1);
  for (int64_t field : {header.newest, header.oldest, header.disorder}) sum = mix(sum + uint64_t(field));
  return sum;
}

void SidecarHeader::seal() { check = header_checksum(*this); }

bool SidecarHeader::is_intact() const {
  return std::memcmp(magic, "MUNSIDE1", 8) == 0 && check == header_checksum(*this);
}

void SidecarHeader::note(int64_t sequence, int64_t created_at, const Record &known) {
  if (sequence > highest) {
    if (highest > 0) disorder = std::max(disorder, newest - created_at);
    highest = sequence;
  } else if (known.state() != Record::live || known.created_at != created_at) {
    // Between others: measured against the extremes, as its neighbours are not at hand.
    disorder = std::max({disorder, newest - created_at, created_at - oldest});
  }
  newest = std::max(newest, created_at);
  oldest = std::min(oldest, created_at);
}

SidecarMap::~SidecarMap() {
  if (base) munmap(base, size);
  if (file >= 0) ::close(file);
}

void SidecarMap::open(const std::string &directory) {
  file = ::open(path_in(directory).c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 && errno == ENOENT) throw Failure{CX_NOT_FOUND, "no sidecar"};
  if (file < 0) throw_errno("open sidecar");
  refresh();
  if (std::memcmp(base, "MUNSIDE1", 8) != 0) throw Failure{CX_DAMAGED, "sidecar header"};
}

void SidecarMap::refresh() {
  struct stat info;
  if (fstat(file, &info) != 0) throw_errno("stat sidecar");
  if (uint64_t(info.st_size) == size && base) return;
  // Never shrunk by us; a mapping past the end would be a bus error.
  if (info.st_size < off_t(growth) || uint64_t(info.st_size) < size) throw Failure{CX_DAMAGED, "sidecar cut short"};
  void *mapped = mmap(nullptr, size_t(info.st_size), PROT_READ, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) throw_errno("map sidecar");
  if (base) munmap(base, size);
  base = static_cast<uint8_t *>(mapped);
  size = size_t(info.st_size);
}

Record SidecarMap::record(int64_t sequence) const {
  if (sequence < 1 || sequence > capacity()) return Record{};
  auto *stored = reinterpret_cast<const Record *>(base + offset_of(sequence));
  Record record;
  record.conversation = __atomic_load_n(&stored->conversation, __ATOMIC_RELAXED);
  record.sender = __atomic_load_n(&stored->sender, __ATOMIC_RELAXED);
  record.created_at = __atomic_load_n(&stored->created_at, __ATOMIC_RELAXED);
  // Last: see SidecarFile::clear.
  __atomic_thread_fence(__ATOMIC_ACQUIRE);
  record.word = __atomic_load_n(&stored->word, __ATOMIC_RELAXED);
  return record;
}

int64_t SidecarMap::extreme(size_t offset) const {
  return __atomic_load_n(reinterpret_cast<const int64_t *>(base + offset), __ATOMIC_RELAXED);
}

bool SidecarMap::at(uint32_t document, Entry &out) const {
  int64_t sequence = int64_t(CX_DOCUMENT_BASE) - int64_t(document);
  Record found = record(sequence);
  if (found.state() != Record::live) return false;
  out = Entry{found.conversation, found.sender, found.created_at, sequence};
  return true;
}

bool SidecarMap::conversation_at(uint32_t document, int64_t &out) const {
  Entry entry;
  if (!at(document, entry)) return false;
  out = entry.conversation;
  return true;
}

uint32_t SidecarMap::document_of(int64_t sequence) const {
  return record(sequence).state() == Record::none ? 0 : uint32_t(int64_t(CX_DOCUMENT_BASE) - sequence);
}

SidecarHeader SidecarMap::header() const {
  SidecarHeader header;
  std::memcpy(&header, base, sizeof header);
  return header;
}

void SidecarFile::create(const std::string &directory) {
  int file = ::open(path_in(directory).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) throw_errno("create sidecar");
  SidecarHeader header = SidecarHeader::empty();
  bool is_done = pwrite(file, &header, sizeof header, 0) == ssize_t(sizeof header) &&
                 ftruncate(file, off_t(growth)) == 0 && fsync(file) == 0;
  ::close(file);
  if (!is_done) throw_errno("write sidecar");
}

SidecarFile::SidecarFile(const std::string &directory) {
  file = ::open(path_in(directory).c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0 && errno == ENOENT) throw Failure{CX_DAMAGED, "no sidecar"};
  if (file < 0) throw_errno("open sidecar");
  struct stat info;
  bool is_whole = fstat(file, &info) == 0 && info.st_size >= off_t(growth) &&
                  pread(file, &header, sizeof header, 0) == ssize_t(sizeof header) && header.is_intact();
  if (!is_whole) {
    ::close(file);
    throw Failure{CX_DAMAGED, "sidecar header"};
  }
  size = uint64_t(info.st_size);
}

SidecarFile::~SidecarFile() { ::close(file); }

Record SidecarFile::at(int64_t sequence) const {
  if (sequence >= run_start && sequence < run_start + int64_t(run.size())) return run[size_t(sequence - run_start)];
  Record record;
  if (offset_of(sequence) + sizeof record > size) return record;
  if (pread(file, &record, sizeof record, off_t(offset_of(sequence))) != ssize_t(sizeof record)) {
    throw_errno("read sidecar");
  }
  return record;
}

void SidecarFile::put(int64_t sequence, const Record &record) {
  header.note(sequence, record.created_at, sequence > header.highest ? Record{} : at(sequence));
  if (sequence != run_start + int64_t(run.size())) flush();
  if (run.empty()) run_start = sequence;
  run.push_back(record);
  is_changed = true;
  if (run.size() == 4096) flush();
}

void SidecarFile::clear(int64_t sequence, int64_t position, Record::State state) {
  flush();
  if (at(sequence).word == 0) return;
  Record empty = Record::make(sequence, 0, 0, 0, position, state);
  // State first: a reader that meets emptied fields then finds the record dead, never live with zeros.
  write(&empty.word, sizeof empty.word, offset_of(sequence) + offsetof(Record, word));
  write(&empty, sizeof empty, offset_of(sequence));
  is_changed = true;
}

void SidecarFile::carry(int64_t sequence, const Record &record) {
  flush();
  reserve(sequence);
  write(&record, sizeof record, offset_of(sequence));
  is_changed = true;
}

void SidecarFile::sync() {
  if (!is_changed) return;
  flush();
  header.seal();
  write(&header, sizeof header, 0);
  if (fdatasync(file) != 0) throw_errno("sync sidecar");
  is_changed = false;
}

void SidecarFile::flush() {
  if (run.empty()) return;
  reserve(run_start + int64_t(run.size()) - 1);
  write(run.data(), run.size() * sizeof(Record), offset_of(run_start));
  run.clear();
}

void SidecarFile::reserve(int64_t sequence) {
  uint64_t needed = offset_of(sequence) + sizeof(Record);
  if (needed <= size) return;
  uint64_t grown = (needed + growth - 1) / growth * growth;
  if (ftruncate(file, off_t(grown)) != 0) throw_errno("grow sidecar");
  size = grown;
}

void SidecarFile::write(const void *bytes, size_t count, uint64_t offset) {
  auto *next = static_cast<const uint8_t *>(bytes);
  while (count > 0) {
    ssize_t written = pwrite(file, next, count, off_t(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) throw_errno("write sidecar");
    next += written;
    offset += uint64_t(written);
    count -= size_t(written);
  }
}
