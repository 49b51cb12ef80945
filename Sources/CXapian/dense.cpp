#include "dense.hpp"

#include <algorithm>

#include <unistd.h>

namespace {

constexpr char magic[9] = "MUNDNS01";

std::string path_in(const std::string &directory) { return directory + "/dense"; }

size_t padded(size_t bytes) { return (bytes + 7) / 8 * 8; }
size_t words_of(uint32_t documents) { return size_t(documents) / 64 + 1; }

struct Frequent {
  std::string term;
  Xapian::doccount count;
};

/// Those of `DenseTerms::share` and more, without what every document holds; the most frequent, by name.
std::vector<Frequent> frequent(const Xapian::Database &database) {
  Xapian::doccount documents = database.get_doccount();
  std::vector<Frequent> found;
  for (auto at = database.allterms_begin(); at != database.allterms_end(); ++at) {
    Xapian::doccount count = at.get_termfreq();
    if (count > documents / DenseTerms::share && count < documents) found.push_back(Frequent{*at, count});
  }
  if (found.size() > DenseTerms::terms_most) {
    auto is_more_frequent = [](const Frequent &left, const Frequent &right) { return left.count > right.count; };
    std::stable_sort(found.begin(), found.end(), is_more_frequent);
    found.resize(DenseTerms::terms_most);
  }
  std::sort(found.begin(), found.end(),
            [](const Frequent &left, const Frequent &right) { return left.term < right.term; });
  return found;
}

std::string bitmap(const Xapian::Database &database, const std::string &term, uint32_t documents) {
  std::vector<uint64_t> words(words_of(documents), 0);
  auto end = database.postlist_end(term);
  for (auto at = database.postlist_begin(term); at != end; ++at) {
    if (*at > documents) throw Failure{CX_DAMAGED, "an id out of range"};
    words[*at >> 6] |= uint64_t(1) << (*at & 63);
  }
  return std::string(reinterpret_cast<const char *>(words.data()), words.size() * sizeof words[0]);
}

}  // namespace

Xapian::doccount DenseTerm::ones() const {
  Xapian::doccount sum = 0;
  for (size_t place = 0; place <= last >> 6; place++) sum += Xapian::doccount(__builtin_popcountll(word(place)));
  return sum;
}

Xapian::docid DenseTerm::first(Xapian::docid from) const {
  if (from > last) return 0;
  size_t place = from >> 6;
  uint64_t rest = word(place) & (~uint64_t(0) << (from & 63));
  while (rest == 0 && ++place <= last >> 6) rest = word(place);
  if (rest == 0) return 0;
  Xapian::docid found = Xapian::docid(place << 6 | size_t(__builtin_ctzll(rest)));
  return found <= last ? found : 0;
}

bool DenseTerms::exists(const std::string &directory) { return access(path_in(directory).c_str(), F_OK) == 0; }

void DenseTerms::write(const std::string &directory, const Xapian::Database &database) {
  auto found = frequent(database);
  DenseHeader header{};
  std::memcpy(header.magic, magic, 8);
  header.documents = database.get_doccount();
  header.terms = uint32_t(found.size());
  std::string table;
  for (const Frequent &each : found) {
    table.append(reinterpret_cast<const char *>(&each.count), sizeof each.count);
    table += char(uint8_t(each.term.size()));
    table += each.term;
  }
  header.table_bytes = uint32_t(table.size());
  table.resize(padded(table.size()), '\0');
  NewFile file(path_in(directory));
  file.write(std::string(reinterpret_cast<const char *>(&header), sizeof header));
  file.write(table);
  for (const Frequent &each : found) file.write(bitmap(database, each.term, header.documents));
  file.sync();
}

DenseTerms::DenseTerms(const std::string &directory) : file(path_in(directory)) {
  DenseHeader header;
  Failure damage{CX_DAMAGED, "dense terms"};
  if (file.count() < sizeof header) throw damage;
  std::memcpy(&header, file.bytes(), sizeof header);
  size_t words_bytes = words_of(header.documents) * 8;
  size_t start = sizeof header + padded(header.table_bytes);
  bool is_whole = std::memcmp(header.magic, magic, 8) == 0 && header.terms <= terms_most &&
                  file.count() == start + header.terms * words_bytes;
  if (!is_whole) throw damage;
  ByteCursor table(file.bytes() + sizeof header, header.table_bytes, CX_DAMAGED);
  for (uint32_t place = 0; place < header.terms; place++) {
    Xapian::doccount count = table.number<uint32_t>();
    names.push_back(table.term());
    if (place > 0 && names[place] <= names[place - 1]) throw damage;
    terms.push_back(DenseTerm{file.bytes() + start + place * words_bytes, header.documents, count});
  }
  if (!table.at_end()) throw damage;
}

const DenseTerm *DenseTerms::find(const std::string &term) const {
  auto found = std::lower_bound(names.begin(), names.end(), term);
  return found != names.end() && *found == term ? &terms[size_t(found - names.begin())] : nullptr;
}
