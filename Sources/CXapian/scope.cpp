#include "scope.hpp"

#include <algorithm>

static uint64_t spread(int64_t conversation) { return uint64_t(conversation) * 0x9e3779b97f4a7c15u >> 20; }

Scope::Scope(const cx_search &search, const cx_reader &reader) : search(search), reader(reader), bounds(bound()) {
  size_t places = 16;
  while (places < search.window_count * 2) places *= 2;
  slots.assign(places, Slot{0, 0, 0});
  for (size_t i = 0; i < search.window_count;) {
    size_t first = i;
    int64_t conversation = search.windows[i].conversation;
    while (i < search.window_count && search.windows[i].conversation == conversation) i++;
    size_t place = spread(conversation) & (places - 1);
    while (slots[place].count > 0) place = (place + 1) & (places - 1);
    slots[place] = Slot{conversation, uint32_t(first), uint32_t(i - first)};
  }
  senders.assign(search.senders, search.senders + search.sender_count);
  std::sort(senders.begin(), senders.end());
}

const Scope::Slot *Scope::find(int64_t conversation) const {
  for (size_t place = spread(conversation);; place++) {
    const Slot &slot = slots[place & (slots.size() - 1)];
    if (slot.count == 0) return nullptr;
    if (slot.conversation == conversation) return &slot;
  }
}

/// By the search's own times and the windows' extremes; and by the cursor, if what lies before it need not be counted.
std::pair<Xapian::docid, Xapian::docid> Scope::bound() const {
  int64_t from = search.from, until = search.until;
  if (search.has_before && search.count_max == 0 && search.before_time < INT64_MAX) {
    until = std::min(until, search.before_time + 1);
  }
  if (search.scoped) {
    int64_t opens = INT64_MAX, closes = INT64_MIN;
    for (size_t i = 0; i < search.window_count; i++) {
      opens = std::min(opens, search.windows[i].from);
      closes = std::max(closes, search.windows[i].until);
    }
    from = std::max(from, opens);
    until = std::min(until, closes);
  }
  return reader.records->ids(from, until);
}

bool Scope::is_open(const Entry &record) const {
  const Slot *slot = find(record.conversation);
  if (!slot) return false;
  const cx_window *windows = search.windows + slot->first;
  return std::any_of(windows, windows + slot->count, [&](const cx_window &window) {
    return window.from <= record.created_at && record.created_at < window.until;
  });
}

bool Scope::accepts(Xapian::docid document, Deadline &deadline) const {
  deadline.tick();
  Entry record;
  if (!reader.at(document, record)) return false;
  if (record.created_at < search.from || record.created_at >= search.until) return false;
  if (!senders.empty() && !std::binary_search(senders.begin(), senders.end(), record.sender)) return false;
  return !search.scoped || is_open(record);
}

void ScopeSource::init(const Xapian::Database &database) {
  documents = database.get_doccount();
  first = scope.ids().first;
  last = std::min(database.get_lastdocid(), scope.ids().second);
  everything = database.postlist_begin(std::string());
  everything_end = database.postlist_end(std::string());
  current = 0;
  is_current_in = false;
  is_at_end = documents == 0;
}

/// Stands on the first document from `from` on that is in scope. Walks Xapian's list of documents rather than the
/// records: pending ones have no document yet.
void ScopeSource::seek(Xapian::docid from) {
  from = std::max(from, first);
  bool is_over = from > last;
  if (!is_over) {
    everything.skip_to(from);
    while (everything != everything_end && *everything <= last && !scope.accepts(*everything, deadline)) ++everything;
    is_over = everything == everything_end || *everything > last;
  }
  is_at_end = is_over;
  is_current_in = !is_at_end;
  if (!is_at_end) current = *everything;
}

void ScopeSource::next(double) { seek(current + 1); }

void ScopeSource::skip_to(Xapian::docid document, double) {
  if (document > current || !is_current_in) seek(std::max(document, is_current_in ? current : current + 1));
}

bool ScopeSource::check(Xapian::docid document, double) {
  // Out of bounds the other lists are told where to go on, or that this is the end.
  if (document < first || document > last) {
    if (document > current || !is_current_in) seek(document);
    return true;
  }
  if (document > current) {
    current = document;
    is_current_in = scope.accepts(document, deadline);
  }
  return is_current_in;
}
