#pragma once

#include "guard.hpp"

#include <xapian.h>

/// The query a tree in its byte form stands for, against this database.
Xapian::Query read_query(const uint8_t *tree, size_t count, const Xapian::Database &database);
