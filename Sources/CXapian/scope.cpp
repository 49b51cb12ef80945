#include "scope.hpp"

#include <algorithm>
#include <atomic>
#include <memory>

static std::atomic<uint64_t> scopes{0};

static uint64_t spread(int64_t conversation) { return uint64_t(conversation) * 0x9e3779b97f4a7c15u >> 20; }

cx_scope::cx_scope(bool scoped, const cx_window *given, size_t window_count, const int64_t *sender_ids,
                   size_t sender_count)
    : is_scoped(scoped), serial(++scopes), windows(given, given + window_count),
      senders(sender_ids, sender_ids + sender_count) {
  size_t places = 16;
  while (places < windows.size() * 2) places *= 2;
  slots.assign(places, Slot{0, 0, 0});
  for (size_t i = 0; i < windows.size();) {
    size_t first = i;
    int64_t conversation = windows[i].conversation;
    for (; i < windows.size() && windows[i].conversation == conversation; i++) {
      opens = std::min(opens, windows[i].from);
      closes = std::max(closes, windows[i].until);
    }
    size_t place = spread(conversation) & (places - 1);
    while (slots[place].count > 0) place = (place + 1) & (places - 1);
    slots[place] = Slot{conversation, uint32_t(first), uint32_t(i - first)};
    conversations++;
  }
  std::sort(senders.begin(), senders.end());
}

const cx_scope::Slot *cx_scope::find(int64_t conversation) const {
  for (size_t place = spread(conversation);; place++) {
    const Slot &slot = slots[place & (slots.size() - 1)];
    if (slot.count == 0) return nullptr;
    if (slot.conversation == conversation) return &slot;
  }
}

bool cx_scope::is_open(const Entry &record) const {
  const Slot *slot = find(record.conversation);
  if (!slot) return false;
  const cx_window *first = windows.data() + slot->first;
  return std::any_of(first, first + slot->count, [&](const cx_window &window) {
    return window.from <= record.created_at && record.created_at < window.until;
  });
}

bool cx_scope::accepts(const Entry &record) const {
  if (!senders.empty() && !std::binary_search(senders.begin(), senders.end(), record.sender)) return false;
  return !is_scoped || is_open(record);
}

Scope::Scope(const cx_search &search, const cx_reader &reader)
    : search(search), reader(reader), bounds(bound()), behind(INT64_MIN),
      readable(reader.readable.find(search.scope->serial)) {
  int64_t from = search.scope->is_scoped ? std::max(search.from, search.scope->opens) : search.from;
  int64_t disorder = reader.records->disorder();
  if (from > INT64_MIN + disorder) behind = from - disorder;
}

/// By the search's own times and the windows' extremes; and by the cursor, if what lies before it need not be counted.
std::pair<Xapian::docid, Xapian::docid> Scope::bound() const {
  int64_t from = search.from, until = search.until;
  if (search.has_before && search.count_max == 0 && search.before_time < INT64_MAX) {
    until = std::min(until, search.before_time + 1);
  }
  if (search.scope->is_scoped) {
    from = std::max(from, search.scope->opens);
    until = std::min(until, search.scope->closes);
  }
  return reader.records->ids(from, until);
}

bool Scope::accepts(Xapian::docid document, Deadline &deadline, Entry &record) const {
  deadline.tick();
  if (search.scope->is_scoped && !is_of_reader(document)) return false;
  if (!reader.at(document, record)) return false;
  return search.from <= record.created_at && record.created_at < search.until && search.scope->accepts(record);
}

bool Scope::is_of_reader(Xapian::docid document) const {
  if (readable) {
    uint32_t number;
    return reader.records->number_at(document, number) && readable->contains(number);
  }
  // To look up every conversation of the generation, or of the scope, costs what so many documents cost without.
  size_t all = std::min<size_t>(reader.records->conversations(), search.scope->count() * 4);
  if (all > 0 && ++looked > all / 8) {
    readable = reader.readable.make(*reader.records, *search.scope);
    return is_of_reader(document);
  }
  int64_t conversation;
  return reader.records->conversation_at(document, conversation) && search.scope->may_accept(conversation);
}

bool Scope::ends_at(Xapian::docid document) const {
  Entry record;
  return behind != INT64_MIN && reader.records->at(document, record) && record.created_at < behind;
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

bool ScopeSource::accepts(Xapian::docid document) {
  Entry record;
  if (scope.accepts(document, deadline, record)) return true;
  if (scope.ends_at(document)) last = std::min(last, document);
  return false;
}

/// Stands on the first document from `from` on that is in scope. Walks Xapian's list of documents rather than the
/// records: pending ones have no document yet.
void ScopeSource::seek(Xapian::docid from) {
  from = std::max(from, first);
  bool is_over = from > last;
  if (!is_over) {
    everything.skip_to(from);
    while (everything != everything_end && *everything <= last && !accepts(*everything)) ++everything;
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
    is_current_in = accepts(document);
  }
  return is_current_in;
}

extern "C" {

int cx_scope_create(bool scoped, const cx_window *windows, size_t window_count, const int64_t *senders,
                    size_t sender_count, cx_scope **out, cx_error *error) noexcept {
  return guarded(error, [&] {
    *out = std::make_unique<cx_scope>(scoped, windows, window_count, senders, sender_count).release();
  });
}

void cx_scope_free(cx_scope *scope) noexcept { delete scope; }
}
