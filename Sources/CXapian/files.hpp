#pragma once

#include <string>
#include <vector>

/// Every file of a directory, with its path.
std::vector<std::string> files_in(const std::string &directory);

/// Makes a directory's files and their names durable: Xapian syncs no directory, and compaction not every file.
void sync_files(const std::string &directory);
