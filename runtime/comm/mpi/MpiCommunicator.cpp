//===- MpiCommunicator.cpp - Collectives over Open MPI ----------------------=//
//
// Sums are not MPI's, which may add in any order: comm/SlicedCommunicator.h.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/Error.h"
#include "runtime/comm/SlicedCommunicator.h"

#include <mpi.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <sys/uio.h>
#include <unistd.h>
#include <vector>

#ifdef __SANITIZE_ADDRESS__
#include <dlfcn.h>
#include <link.h>
#include <sanitizer/lsan_interface.h>
#endif

namespace pfc::rt {
namespace {

/// Bytes of a broadcast at once: MPI's counts are ints.
constexpr size_t pieceBytes = size_t{16} << 20;

MPI_Datatype unitOf(size_t width) {
  return width == 8   ? MPI_INT64_T
         : width == 4 ? MPI_INT32_T
         : width == 2 ? MPI_INT16_T
                      : MPI_BYTE;
}

void check(int status, const char *what) {
  if (status == MPI_SUCCESS)
    return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(status, text, &length);
  fail("MPI: {}: {}", what, std::string(text, static_cast<size_t>(length)));
}

/// Open MPI copies between processes with process_vm_readv, and fails late and
/// loudly where a container's seccomp filter forbids it. Ask first.
void avoidForbiddenCopies() {
  char from = 1, to = 0;
  iovec local{&to, 1}, remote{&from, 1};
  if (process_vm_readv(getpid(), &local, 1, &remote, 1, 0) != 1)
    setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 0);
}

#ifdef __SANITIZE_ADDRESS__

/// The leak check has to know whose a leak was: tools/sanitizers/lsan.supp
/// names Open MPI's components, but it closes them when it ends.
void keepLibraries() {
  std::vector<std::string> names;
  auto note = [](dl_phdr_info *library, size_t, void *into) {
    static_cast<std::vector<std::string> *>(into)->push_back(
        library->dlpi_name);
    return 0;
  };
  dl_iterate_phdr(note, &names);
  for (const std::string &name : names)
    dlopen(name.c_str(), RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

/// And those that it has no use for as soon as it has looked at them.
using LeaksAllowed = __lsan::ScopedDisabler;

#else

void keepLibraries() {}
struct LeaksAllowed {
  LeaksAllowed() {}
};

#endif

/// Slices as MPI counts them.
struct Counts {
  Counts() = default;
  explicit Counts(const Slices &slices) {
    for (size_t rank = 0; rank < slices.counts.size(); ++rank)
      add(slices.counts[rank], slices.offsets[rank]);
  }
  void add(int64_t count, int64_t offset) {
    require(offset + count <= INT32_MAX,
            "a message of {} elements, which MPI can't count", offset + count);
    counts.push_back(static_cast<int>(count));
    offsets.push_back(static_cast<int>(offset));
  }
  std::vector<int> counts, offsets;
};

class MpiCommunicator : public SlicedCommunicator {
public:
  MpiCommunicator() {
    avoidForbiddenCopies();
    LeaksAllowed here;
    int provided = 0;
    // A step's collectives are called by a thread of their own.
    if (MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided) !=
            MPI_SUCCESS ||
        provided < MPI_THREAD_SERIALIZED)
      fail("MPI could not start for calls from more than one thread");
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    check(MPI_Comm_rank(MPI_COMM_WORLD, &ownRank), "rank");
    check(MPI_Comm_size(MPI_COMM_WORLD, &size), "size");
    MPI_Comm node;
    check(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0,
                              MPI_INFO_NULL, &node),
          "ranks of a machine");
    check(MPI_Comm_size(node, &local), "ranks of a machine");
    check(MPI_Comm_rank(node, &ownLocalRank), "ranks of a machine");
    MPI_Comm_free(&node);
  }

  ~MpiCommunicator() override {
    keepLibraries();
    MPI_Finalize();
  }

  int rank() const override { return ownRank; }
  int worldSize() const override { return size; }
  int localRanks() const override { return local; }
  int localRank() const override { return ownLocalRank; }

  std::string library() const override {
    char text[MPI_MAX_LIBRARY_VERSION_STRING];
    int length = 0;
    MPI_Get_library_version(text, &length);
    std::string version(text, static_cast<size_t>(length));
    return ", " + version.substr(0, version.find(','));
  }

  void broadcast(void *bytes, size_t length, int root) override {
    auto *data = static_cast<std::byte *>(bytes);
    for (size_t begin = 0; begin < length; begin += pieceBytes) {
      size_t count = std::min(pieceBytes, length - begin);
      check(MPI_Bcast(data + begin, static_cast<int>(count), MPI_BYTE, root,
                      MPI_COMM_WORLD),
            "broadcast");
    }
  }

  void barrier() override { check(MPI_Barrier(MPI_COMM_WORLD), "barrier"); }

  [[noreturn]] void abort(const std::string &why) override {
    fmt::print(stderr, "{}\n", why);
    std::fflush(nullptr);
    MPI_Abort(MPI_COMM_WORLD, 1);
    std::_Exit(1);
  }

private:
  void exchangeSlices(const std::byte *source, const Slices &slices,
                      size_t width, std::byte *received) override {
    Counts sent(slices), own;
    for (int other = 0; other < size; ++other)
      own.add(slices.counts[ownRank], slices.counts[ownRank] * other);
    check(MPI_Alltoallv(source, sent.counts.data(), sent.offsets.data(),
                        unitOf(width), received, own.counts.data(),
                        own.offsets.data(), unitOf(width), MPI_COMM_WORLD),
          "exchange");
  }

  void gatherSlices(const std::byte *own, const Slices &slices, size_t width,
                    std::byte *target) override {
    Counts all(slices);
    bool inPlace = own == target + all.offsets[ownRank] * width;
    check(MPI_Allgatherv(inPlace ? MPI_IN_PLACE : own, all.counts[ownRank],
                         unitOf(width), target, all.counts.data(),
                         all.offsets.data(), unitOf(width), MPI_COMM_WORLD),
          "gather");
  }

  int ownRank = 0, size = 1, local = 1, ownLocalRank = 0;
};

} // namespace
} // namespace pfc::rt

extern "C" pfc::rt::Communicator *pfc_create_communicator() {
  return new pfc::rt::MpiCommunicator();
}
