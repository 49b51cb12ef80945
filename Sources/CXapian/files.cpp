#include "files.hpp"

#include "guard.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

static void sync_path(const std::string &path) {
  int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) throw_errno("open for sync");
  bool is_synced = fsync(file) == 0;
  close(file);
  if (!is_synced) throw_errno("sync");
}

std::vector<std::string> files_in(const std::string &path) {
  DIR *directory = opendir(path.c_str());
  if (!directory) throw_errno("list directory");
  std::vector<std::string> files;
  while (const dirent *entry = readdir(directory)) {
    if (entry->d_type != DT_DIR) files.push_back(path + "/" + entry->d_name);
  }
  closedir(directory);
  return files;
}

void sync_files(const std::string &directory) {
  for (const std::string &file : files_in(directory)) sync_path(file);
  sync_path(directory);
}
