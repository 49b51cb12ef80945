#pragma once

#include "reader.hpp"
#include "scope.hpp"

/// The query a tree in its byte form stands for, against this generation, which has to outlive it.
Xapian::Query read_query(const uint8_t *tree, size_t count, const cx_reader &reader, Deadline &deadline);
