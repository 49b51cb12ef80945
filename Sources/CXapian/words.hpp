#pragma once

#include "clauses.hpp"
#include "scope.hpp"

#include <memory>
#include <string>
#include <vector>

/// The nodes of a tree in its byte form (CXapian.h, `cx_search.tree`).
enum class Tag : uint8_t { term = 1, phrase, near, prefix, all, any, negation, everything, clauses, hint };

/// The terms that begin so. However many they are, the answer is whole: they are the words of everybody, and a limit
/// would tell of others' words.
struct PrefixTerms {
  PrefixTerms(const Xapian::Database &database, const std::string &prefix);

  /// Not all of them if one is in every document, or they are too many to be kept open side by side.
  std::vector<std::string> names;
  /// Documents they can be in.
  Xapian::doccount most = 0;
  bool is_everywhere = false, are_too_many = false;
};

/// The lists of those terms that there are.
Merge<TermList> lists_of(const cx_reader &reader, const std::vector<std::string> &terms);
/// Adds to `most` how many documents they can be in.
Merge<TermList> lists_of(const cx_reader &reader, const std::vector<std::string> &terms, Xapian::doccount &most);

/// Whether to look up the terms of a hint where no more than `fewest` documents are left without.
bool is_worthwhile(const std::vector<std::string> &hint, Xapian::doccount fewest);

/// What a tree stands for, as lists to be walked through, if each match holds one word of each of some sets: most
/// searches are no more than that, and to set up Xapian's matcher takes longer than many of them. Null if the tree asks
/// for more, or is none.
std::unique_ptr<ClauseList> read_words(const uint8_t *tree, size_t count, const cx_reader &reader, Deadline &deadline);
