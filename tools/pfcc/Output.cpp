#include "Output.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"

using namespace pfc;
using llvm::StringRef;
namespace fs = llvm::sys::fs;

llvm::Error pfc::refuseInputs(StringRef path,
                              llvm::ArrayRef<std::string> inputs) {
  for (StringRef input : inputs)
    if (path != "-" && fs::is_regular_file(path) && fs::equivalent(path, input))
      return llvm::createStringError(
          path + " is " + (path == input ? "an input" : "the input " + input) +
          ", which would be lost: name another file");
  return llvm::Error::success();
}

/// An open stream's error, which it is not to die of when it ends.
static std::error_code finish(llvm::raw_fd_ostream &os, StringRef bytes) {
  os << bytes;
  os.flush();
  std::error_code error = os.error();
  os.clear_error();
  return error;
}

static std::error_code writeDirectly(StringRef path, StringRef bytes) {
  std::error_code error;
  llvm::raw_fd_ostream os(path, error);
  return error ? error : finish(os, bytes);
}

/// Opens a new file beside `path` and says its name. What has the name already
/// is someone's, and stays.
static std::error_code createBeside(StringRef path,
                                    llvm::SmallString<128> &name, int &file) {
  std::error_code error;
  for (unsigned attempt = 0; attempt < 1000; ++attempt) {
    name = llvm::sys::path::parent_path(path);
    llvm::sys::path::append(
        name, ".pfcc-" + llvm::Twine(llvm::sys::Process::getProcessId()) + "-" +
                  llvm::Twine(attempt) + ".tmp");
    error = fs::openFileForWrite(name, file, fs::CD_CreateNew);
    if (error != std::errc::file_exists)
      break;
  }
  return error;
}

static std::error_code replace(StringRef path, StringRef bytes) {
  llvm::SmallString<128> temporary;
  int file = -1;
  if (std::error_code error = createBeside(path, temporary, file))
    return error;
  llvm::sys::RemoveFileOnSignal(temporary);
  std::error_code error;
  {
    llvm::raw_fd_ostream os(file, /*shouldClose=*/true);
    error = finish(os, bytes);
    os.close(); // which a network's file system may fail at
    if (!error)
      error = os.error();
    os.clear_error();
  }
  if (!error)
    error = fs::rename(temporary, path);
  if (error)
    fs::remove(temporary);
  llvm::sys::DontRemoveFileOnSignal(temporary);
  return error;
}

/// The file that `path` ends at; of a link that leads nowhere, itself.
static llvm::SmallString<128> followLinks(StringRef path) {
  llvm::SmallString<128> target;
  if (!fs::is_symlink_file(path) || fs::real_path(path, target))
    target = path;
  return target;
}

static std::error_code write(StringRef path, StringRef bytes) {
  llvm::SmallString<128> target = followLinks(path);
  // Opening a link that leads nowhere makes the file that it names.
  bool isWrittenTo = path == "-" || fs::is_symlink_file(target) ||
                     (fs::exists(target) && !fs::is_regular_file(target));
  return isWrittenTo ? writeDirectly(path, bytes) : replace(target, bytes);
}

llvm::Error pfc::writeOutput(StringRef path, StringRef bytes) {
  if (std::error_code error = write(path, bytes))
    return llvm::createStringError(path +
                                   ": cannot be written: " + error.message());
  return llvm::Error::success();
}
