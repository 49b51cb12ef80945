#include "columns.hpp"

#include <algorithm>
#include <numeric>

#include <unistd.h>

namespace {

constexpr char magic[9] = "MUNCOL01";
constexpr size_t padding = 8;

std::string path_in(const std::string &directory) { return directory + "/columns"; }

uint8_t width_of(uint64_t largest) {
  uint8_t width = 1;
  while (width < 8 && largest >> (8 * width) != 0) width++;
  return width;
}

void append(std::string &bytes, uint64_t value, uint8_t width) {
  bytes.append(reinterpret_cast<const char *>(&value), width);
}

/// Sorted and without repeats.
std::vector<int64_t> distinct(const std::vector<Entry> &entries, int64_t Entry::*field) {
  std::vector<int64_t> ids;
  for (const Entry &entry : entries) ids.push_back(entry.*field);
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

uint64_t place_in(const std::vector<int64_t> &ids, int64_t id) {
  return uint64_t(std::lower_bound(ids.begin(), ids.end(), id) - ids.begin());
}

ColumnsHeader header_of(const std::vector<Entry> &entries) {
  ColumnsHeader header{};
  std::memcpy(header.magic, magic, 8);
  header.documents = uint32_t(entries.size());
  header.unit = 1;
  if (entries.empty()) return header;
  header.newest = entries.front().created_at;
  header.oldest = entries.back().created_at;
  header.lowest = header.highest = entries.front().sequence;
  uint64_t unit = 0;
  for (const Entry &entry : entries) {
    unit = std::gcd(unit, uint64_t(entry.created_at - header.oldest));
    header.lowest = std::min(header.lowest, entry.sequence);
    header.highest = std::max(header.highest, entry.sequence);
  }
  header.unit = unit == 0 ? 1 : int64_t(unit);
  return header;
}

}  // namespace

bool Columns::exists(const std::string &directory) { return access(path_in(directory).c_str(), F_OK) == 0; }

void Columns::write(const std::string &directory, const std::vector<Entry> &entries) {
  auto conversations = distinct(entries, &Entry::conversation), senders = distinct(entries, &Entry::sender);
  ColumnsHeader header = header_of(entries);
  header.conversations = uint32_t(conversations.size());
  header.senders = uint32_t(senders.size());
  header.conversation_width = width_of(conversations.size());
  header.sender_width = width_of(senders.size());
  header.time_width = width_of(uint64_t(header.newest - header.oldest) / uint64_t(header.unit));
  header.sequence_width = width_of(uint64_t(header.highest - header.lowest));
  std::string bytes(reinterpret_cast<const char *>(&header), sizeof header);
  for (int64_t id : conversations) append(bytes, uint64_t(id), 8);
  for (int64_t id : senders) append(bytes, uint64_t(id), 8);
  for (const Entry &entry : entries) {
    append(bytes, place_in(conversations, entry.conversation), header.conversation_width);
  }
  for (const Entry &entry : entries) append(bytes, place_in(senders, entry.sender), header.sender_width);
  for (const Entry &entry : entries) {
    append(bytes, uint64_t(entry.created_at - header.oldest) / uint64_t(header.unit), header.time_width);
  }
  for (const Entry &entry : entries) append(bytes, uint64_t(entry.sequence - header.lowest), header.sequence_width);
  bytes.append(padding, '\0');
  NewFile file(path_in(directory));
  file.write(bytes);
  file.sync();
}

Columns::Columns(const std::string &directory) : file(path_in(directory)) {
  if (file.count() < sizeof header) throw Failure{CX_DAMAGED, "columns are too short"};
  const uint8_t *base = file.bytes();
  std::memcpy(&header, base, sizeof header);
  size_t n = header.documents;
  conversation_ids = base + sizeof header;
  sender_ids = conversation_ids + size_t(header.conversations) * 8;
  conversation_column = sender_ids + size_t(header.senders) * 8;
  sender_column = conversation_column + n * header.conversation_width;
  time_column = sender_column + n * header.sender_width;
  sequence_column = time_column + n * header.time_width;
  const uint8_t *end = sequence_column + n * header.sequence_width;
  auto is_width = [](uint8_t width) { return width >= 1 && width <= 8; };
  bool is_whole = std::memcmp(header.magic, magic, 8) == 0 && header.unit > 0 &&
                  is_width(header.conversation_width) && is_width(header.sender_width) &&
                  is_width(header.time_width) && is_width(header.sequence_width) &&
                  size_t(end - base) + padding == file.count();
  if (!is_whole) throw Failure{CX_DAMAGED, "columns"};
}

/// The padding lets eight bytes be read anywhere.
uint64_t Columns::number(const uint8_t *column, uint8_t width, uint32_t place) const {
  uint64_t value;
  std::memcpy(&value, column + size_t(place) * width, 8);
  return width == 8 ? value : value & ((uint64_t(1) << (8 * width)) - 1);
}

int64_t Columns::created_at(uint32_t place) const {
  return header.oldest + int64_t(number(time_column, header.time_width, place)) * header.unit;
}

int64_t Columns::sequence(uint32_t place) const {
  return header.lowest + int64_t(number(sequence_column, header.sequence_width, place));
}

bool Columns::number_at(uint32_t document, uint32_t &out) const {
  if (document < 1 || document > header.documents) return false;
  uint64_t place = number(conversation_column, header.conversation_width, document - 1);
  if (place >= header.conversations) throw Failure{CX_DAMAGED, "columns"};
  out = uint32_t(place);
  return true;
}

/// The columns lie apart, so that each is a line of memory of its own to wait for.
bool Columns::conversation_at(uint32_t document, int64_t &out) const {
  uint32_t place;
  if (!number_at(document, place)) return false;
  out = conversation(place);
  return true;
}

bool Columns::at(uint32_t document, Entry &out) const {
  if (!conversation_at(document, out.conversation)) return false;
  uint32_t place = document - 1;
  uint64_t sender = number(sender_column, header.sender_width, place);
  if (sender >= header.senders) throw Failure{CX_DAMAGED, "columns"};
  out.sender = int64_t(number(sender_ids, 8, uint32_t(sender)));
  out.created_at = created_at(place);
  out.sequence = sequence(place);
  return true;
}

uint32_t Columns::number_of(int64_t id) const {
  uint32_t low = 0, high = header.conversations;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (conversation(middle) < id) low = middle + 1;
    else high = middle;
  }
  return low < header.conversations && conversation(low) == id ? low : header.conversations;
}

uint32_t Columns::document_of(int64_t wanted) const {
  if (header.documents == 0 || wanted < header.lowest || wanted > header.highest) return 0;
  if (by_sequence.empty()) {
    by_sequence.resize(header.documents);
    std::iota(by_sequence.begin(), by_sequence.end(), 0u);
    std::sort(by_sequence.begin(), by_sequence.end(),
              [&](uint32_t left, uint32_t right) { return sequence(left) < sequence(right); });
  }
  auto found = std::lower_bound(by_sequence.begin(), by_sequence.end(), wanted,
                                [&](uint32_t place, int64_t value) { return sequence(place) < value; });
  return found != by_sequence.end() && sequence(*found) == wanted ? *found + 1 : 0;
}

uint32_t Columns::count_from(int64_t time) const {
  uint32_t low = 0, high = header.documents;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (created_at(middle) >= time) low = middle + 1;
    else high = middle;
  }
  return low;
}

std::pair<uint32_t, uint32_t> Columns::ids(int64_t from, int64_t until) const {
  return {count_from(until) + 1, count_from(from)};
}
