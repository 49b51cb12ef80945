#pragma once

#include "reader.hpp"

#include <vector>

/// Throws when the search's time is up. Cheap: it looks at the clock every 4096th time.
class Deadline {
public:
  explicit Deadline(int64_t deadline) : deadline(deadline) { check(); }

  void tick() {
    if ((++ticks & 4095) == 0) check();
  }

private:
  void check() const {
    if (cx_clock() >= deadline) throw Failure{CX_DEADLINE, "out of time"};
  }

  int64_t deadline;
  uint32_t ticks = 0;
};

/// Conversations with their windows, and senders. Never changes, so that all threads of a search share it.
struct cx_scope {
  cx_scope(bool scoped, const cx_window *windows, size_t window_count, const int64_t *senders, size_t sender_count);

  bool accepts(const Entry &record) const;
  /// Whether any document of the conversation can be in scope.
  bool may_accept(int64_t conversation) const { return !is_scoped || find(conversation); }
  /// `take` gets every conversation that has a window.
  template <typename Take>
  void each_conversation(Take take) const {
    for (const Slot &slot : slots) if (slot.count > 0) take(slot.conversation);
  }

  /// Of conversations with windows.
  size_t count() const { return conversations; }

  const bool is_scoped;
  /// No other scope of this process has or will have it.
  const uint64_t serial;
  /// The first moment of any window, and the one after the last.
  int64_t opens = INT64_MAX, closes = INT64_MIN;

private:
  struct Slot {
    int64_t conversation;
    /// Count 0: free.
    uint32_t first, count;
  };

  const Slot *find(int64_t conversation) const;
  bool is_open(const Entry &record) const;

  std::vector<cx_window> windows;
  size_t conversations = 0;
  /// Open addressing, at most half full, as a member may have thousands of conversations.
  std::vector<Slot> slots;
  /// Sorted.
  std::vector<int64_t> senders;
};

/// What a search may see of one generation. Decided on the records alone.
class Scope {
public:
  Scope(const cx_search &search, const cx_reader &reader);

  /// The ids outside of which nothing can be in scope.
  std::pair<Xapian::docid, Xapian::docid> ids() const { return bounds; }
  /// `record` is the document's if so.
  bool accepts(Xapian::docid document, Deadline &deadline, Entry &record) const;
  /// Whether no document of a higher id can be in scope: all were created before the time that is asked for.
  bool ends_at(Xapian::docid document) const;

private:
  std::pair<Xapian::docid, Xapian::docid> bound() const;
  /// Whether the document's conversation has a window. False if there is no such document.
  bool is_of_reader(Xapian::docid document) const;

  const cx_search &search;
  const cx_reader &reader;
  std::pair<Xapian::docid, Xapian::docid> bounds;
  /// A document created before this says that all of higher ids are too old.
  int64_t behind;
  /// Of the scope and the generation, once it is worth while.
  mutable const ConversationSet *readable;
  /// Documents that were looked at without.
  mutable size_t looked = 0;
};

/// The scope as a list to be ANDed in, so that Xapian consults it before it reads any positions.
class ScopeSource : public Xapian::PostingSource {
public:
  ScopeSource(const Scope &scope, Deadline &deadline) : scope(scope), deadline(deadline) {}

  void init(const Xapian::Database &database) override;
  Xapian::doccount get_termfreq_min() const override { return 0; }
  Xapian::doccount get_termfreq_est() const override { return documents; }
  Xapian::doccount get_termfreq_max() const override { return documents; }
  void next(double) override;
  void skip_to(Xapian::docid document, double) override;
  bool check(Xapian::docid document, double) override;
  bool at_end() const override { return is_at_end; }
  Xapian::docid get_docid() const override { return current; }
  std::string get_description() const override { return "Scope"; }

private:
  bool accepts(Xapian::docid document);
  void seek(Xapian::docid from);

  const Scope &scope;
  Deadline &deadline;
  Xapian::doccount documents = 0;
  Xapian::docid current = 0, first = 1, last = 0;
  /// Whether `current` is in scope: after a check that failed it is only how far the list has come.
  bool is_current_in = false;
  bool is_at_end = false;
  Xapian::PostingIterator everything, everything_end;
};
