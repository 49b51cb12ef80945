#pragma once

#include "records.hpp"

#include <cstdint>
#include <string>

/// The numbers that stand for documents in comparisons. SearchIndex computes the same ones from what a document should
/// be (IndexDocument+digest.swift), so they may not change in one place alone.
namespace digest {

inline uint64_t mixed(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9fb21c651e98df25u;
  return hash ^ (hash >> 28);
}

inline uint64_t of(const std::string &term) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (char byte : term) hash = (hash ^ uint8_t(byte)) * 0x100000001b3u;
  return mixed(hash, term.size());
}

inline uint64_t of(const Entry &entry) {
  uint64_t hash = mixed(uint64_t(entry.sequence), uint64_t(entry.conversation));
  return mixed(mixed(hash, uint64_t(entry.sender)), uint64_t(entry.created_at));
}

/// What is added to a sum, so that sums of similar numbers are not similar.
inline uint64_t spread(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

}  // namespace digest
