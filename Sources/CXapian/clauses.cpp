#include "clauses.hpp"

bool ClauseList::is_of_conversation(Xapian::docid document) const {
  Entry record;
  return !reader || (reader->at(document, record) && record.conversation == conversation);
}

void ClauseList::skip_to(Xapian::docid document) {
  current = 0;
  while (true) {
    deadline.tick();
    Xapian::docid next = document;
    for (auto &set : sets) {
      set.skip_to(next);
      if (set.is_at_end()) return;
      next = set.at();
    }
    // Each set has at least come as far as the one before it: they agree if the first has come as far as the last.
    if (sets.front().at() != next) {
      document = next;
    } else if (is_of_conversation(next)) {
      current = next;
      return;
    } else {
      document = next + 1;
    }
  }
}

void ClauseSource::next(double) {
  if (is_started) clauses.skip_to(clauses.at() + 1);
  is_started = true;
}

void ClauseSource::skip_to(Xapian::docid document, double) {
  is_started = true;
  clauses.skip_to(document);
}
