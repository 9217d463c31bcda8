//===- SpecFile.cpp - Reading a .spec file --------------------------------===//
#include "frontend/spec/SpecParser.h"
#include "frontend/spec/TomlText.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

using namespace pfc;
using llvm::StringRef;

/// A spec is a page of text. The bound keeps a data set, or /dev/zero, that
/// was named by mistake from being read into memory.
static constexpr size_t maxBytes = 1 << 20;

/// FlatBuffers' file identifier (runtime/plan/plan.fbs) behind an offset of
/// less than 2^24.
static bool isPlan(StringRef text) {
  return text.substr(3, 4) == StringRef("\0PFC", 4);
}

/// Reads at most maxBytes + 1 bytes; works for pipes too.
static llvm::Expected<std::string> readText(StringRef path) {
  llvm::Expected<llvm::sys::fs::file_t> file =
      llvm::sys::fs::openNativeFileForRead(path);
  if (!file)
    return file.takeError();
  std::string text(maxBytes + 1, '\0');
  size_t size = 0;
  llvm::Error error = llvm::Error::success();
  while (size < text.size()) {
    llvm::Expected<size_t> got = llvm::sys::fs::readNativeFile(
        *file, {text.data() + size, text.size() - size});
    if (!got)
      error = llvm::joinErrors(std::move(error), got.takeError());
    if (!got || *got == 0)
      break;
    size += *got;
  }
  llvm::sys::fs::closeFile(*file);
  if (error)
    return std::move(error);
  text.resize(size);
  return text;
}

bool pfc::addSpecFile(StringRef path, llvm::SourceMgr &sources,
                      llvm::raw_ostream &errors) {
  llvm::Expected<std::string> text = readText(path);
  if (!text) {
    errors << path << ":1:1: error: cannot read the spec: "
           << llvm::toString(text.takeError()) << '\n';
    return false;
  }
  return addSpecText(*text, path, sources, errors);
}

bool pfc::addSpecText(StringRef text, StringRef path, llvm::SourceMgr &sources,
                      llvm::raw_ostream &errors) {
  if (isPlan(text)) {
    errors << path << ":1:1: error: not a spec: a plan, whose spec 'pfcc show "
           << path << " --spec' prints\n";
    return false;
  }
  if (text.size() > maxBytes) {
    errors << path << ":1:1: error: not a spec: larger than " << maxBytes
           << " bytes\n";
    return false;
  }
  // The line isn't shown: a terminal may obey what is in it.
  if (std::optional<TextPosition> bad = findBadByte(text)) {
    errors << path << ':' << bad->line << ':' << bad->column
           << ": error: " << notText << '\n';
    return false;
  }
  sources.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBufferCopy(text, path),
                             llvm::SMLoc());
  return true;
}
