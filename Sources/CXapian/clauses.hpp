#pragma once

#include "scope.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

/// The documents of one term, ascending.
class TermList {
public:
  TermList(const cx_reader &reader, const std::string &term) {
    if (const DenseTerm *bits = reader.dense_term(term)) {
      dense = *bits;
      current = dense.first(1);
      return;
    }
    place = reader.database.postlist_begin(term);
    end = reader.database.postlist_end(term);
    current = place == end ? 0 : *place;
  }

  bool is_at_end() const { return current == 0; }
  Xapian::docid at() const { return current; }
  void skip_to(Xapian::docid document) {
    if (is_at_end() || document <= current) return;
    if (dense.words) {
      current = dense.first(document);
      return;
    }
    place.skip_to(document);
    current = place == end ? 0 : *place;
  }

private:
  Xapian::PostingIterator place, end;
  /// In their place, where there are words.
  DenseTerm dense;
  /// 0 at the end.
  Xapian::docid current;
};

/// Several ascending lists as one. Xapian's own OR asks every list for every document; a heap asks those that stand
/// there.
template <typename List>
class Merge {
public:
  /// A list that stands on its first document, or is at its end.
  void add(std::unique_ptr<List> list) {
    if (list->is_at_end()) return;
    lists.push_back(std::move(list));
    std::push_heap(lists.begin(), lists.end(), is_later);
  }

  bool is_at_end() const { return lists.empty(); }
  Xapian::docid at() const { return lists.front()->at(); }

  void skip_to(Xapian::docid document) {
    while (!lists.empty() && lists.front()->at() < document) {
      std::pop_heap(lists.begin(), lists.end(), is_later);
      lists.back()->skip_to(document);
      if (lists.back()->is_at_end()) {
        lists.pop_back();
      } else {
        std::push_heap(lists.begin(), lists.end(), is_later);
      }
    }
  }

private:
  static bool is_later(const std::unique_ptr<List> &left, const std::unique_ptr<List> &right) {
    return left->at() > right->at();
  }

  std::vector<std::unique_ptr<List>> lists;
};

/// The documents that hold one term of each of some sets, in one conversation if there is `reader`: its records say
/// so faster than the list of the conversation's documents.
class ClauseList {
public:
  ClauseList(const cx_reader *reader, int64_t conversation, std::vector<Merge<TermList>> &&sets, Deadline &deadline)
      : reader(reader), conversation(conversation), sets(std::move(sets)), deadline(deadline) {
    skip_to(1);
  }

  bool is_at_end() const { return current == 0; }
  Xapian::docid at() const { return current; }
  void skip_to(Xapian::docid document);

private:
  bool is_of_conversation(Xapian::docid document) const;

  const cx_reader *reader;
  int64_t conversation;
  std::vector<Merge<TermList>> sets;
  Deadline &deadline;
  /// 0 at the end.
  Xapian::docid current = 0;
};

/// Clauses merged by hand, as a list for Xapian.
class ClauseSource : public Xapian::PostingSource {
public:
  void add(std::unique_ptr<ClauseList> clause) { clauses.add(std::move(clause)); }
  /// What the terms' frequencies allow for.
  void expect(Xapian::doccount more) { most += more; }
  bool is_empty() const { return clauses.is_at_end(); }

  void init(const Xapian::Database &database) override { most = std::min(most, database.get_doccount()); }
  Xapian::doccount get_termfreq_min() const override { return 0; }
  Xapian::doccount get_termfreq_est() const override { return most; }
  Xapian::doccount get_termfreq_max() const override { return most; }
  void next(double) override;
  void skip_to(Xapian::docid document, double) override;
  bool at_end() const override { return is_started && clauses.is_at_end(); }
  Xapian::docid get_docid() const override { return clauses.at(); }
  std::string get_description() const override { return "Clauses"; }

private:
  Merge<ClauseList> clauses;
  Xapian::doccount most = 0;
  bool is_started = false;
};
