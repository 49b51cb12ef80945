#pragma once

#include "records.hpp"

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

struct cx_scope;

/// Which of a generation's numbered conversations a reader has a window of.
class ConversationSet {
public:
  ConversationSet(const Records &records, const cx_scope &scope);

  bool contains(uint32_t number) const { return (words[number >> 6] >> (number & 63) & 1) != 0; }

private:
  void add(uint32_t number) { words[number >> 6] |= uint64_t(1) << (number & 63); }

  std::vector<uint64_t> words;
};

/// Those of the readers who searched last: a reader searches more than once, and has the same scope again.
class ReadableConversations {
public:
  /// Null if it is not known. Stays until others were made.
  const ConversationSet *find(uint64_t scope) const;
  const ConversationSet *make(const Records &records, const cx_scope &scope);

private:
  struct Known {
    uint64_t scope = 0;
    std::unique_ptr<ConversationSet> set;
  };

  /// Of a bit a conversation each.
  std::array<Known, 8> known;
  size_t next = 0;
};
