#pragma once

#include <cstdint>
#include <utility>

/// What a search must know of a document without asking Xapian.
struct Entry {
  int64_t conversation, sender, created_at, sequence;
};

/// What a generation says of its documents, by their ids in Xapian. Ascending ids are newer first: by arrival while
/// a generation is written to, by (creation time, sequence) once it is sealed.
class Records {
public:
  virtual ~Records() = default;

  /// False if there is no such document, or it was deleted.
  virtual bool at(uint32_t document, Entry &out) const = 0;
  /// As `at`, but the conversation alone: all that is looked at of most documents that a search passes by.
  virtual bool conversation_at(uint32_t document, int64_t &out) const = 0;
  /// How many conversations there are, where they are numbered: 0 and up, by rising id. 0: they are not.
  virtual uint32_t conversations() const { return 0; }
  virtual int64_t conversation(uint32_t) const { return 0; }
  /// `conversations()` if it is none of them.
  virtual uint32_t number_of(int64_t) const { return 0; }
  /// The number of a document's conversation; false if there is no such document.
  virtual bool number_at(uint32_t, uint32_t &) const { return false; }
  /// The id that a sequence's document has, or had before it was deleted; 0 if there was never one.
  virtual uint32_t document_of(int64_t sequence) const = 0;
  /// How far times may rise again while ids ascend: none after was created later than created_at + disorder.
  virtual int64_t disorder() const = 0;
  virtual int64_t oldest() const = 0;
  virtual int64_t newest() const = 0;
  /// False if no document is of the conversation. True says nothing.
  virtual bool may_hold(int64_t conversation) const = 0;
  /// The first and last id among which are all documents created within [from, until). Last before first: none.
  virtual std::pair<uint32_t, uint32_t> ids(int64_t from, int64_t until) const = 0;
};
