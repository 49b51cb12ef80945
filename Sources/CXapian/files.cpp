#include "files.hpp"

#include "guard.hpp"

#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
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

NewFile::NewFile(const std::string &path) : file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {
  if (file < 0) throw_errno("create a file");
}

NewFile::~NewFile() { close(file); }

void NewFile::write(const std::string &bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    ssize_t written = ::write(file, bytes.data() + done, bytes.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) throw_errno("write a file");
    done += size_t(written);
  }
}

void NewFile::sync() {
  if (fsync(file) != 0) throw_errno("sync a file");
}

MappedFile::MappedFile(const std::string &path) {
  int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) throw_errno("open to be mapped");
  struct stat info;
  size = fstat(file, &info) == 0 ? size_t(info.st_size) : 0;
  void *mapped = size > 0 ? mmap(nullptr, size, PROT_READ, MAP_SHARED, file, 0) : nullptr;
  close(file);
  if (mapped == MAP_FAILED) throw_errno("map a file");
  base = static_cast<const uint8_t *>(mapped);
}

MappedFile::~MappedFile() {
  if (base) munmap(const_cast<uint8_t *>(base), size);
}
