//===- MpiCommunicator.cpp - Collectives over Open MPI ----------------------=//
//
// MPI may add in any order, and in another one on the next machine. So sums
// are formed here: every rank owns a slice, receives that slice of all ranks
// (MPI_Alltoallv), adds them in rank order, and for an all-reduce sends the sum
// back (MPI_Allgatherv). That moves as many bytes as a ring does.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/Error.h"
#include "runtime/comm/Communicator.h"
#include "runtime/comm/Sums.h"
#include "runtime/plan/Shape.h"

#include <mpi.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/uio.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
#include <dlfcn.h>
#include <link.h>
#include <sanitizer/lsan_interface.h>
#include <string>
#include <vector>
#endif

namespace pfc::rt {
namespace {

/// Bytes of a collective handled at once: bounds the scratch memory, and keeps
/// MPI's counts, which are ints, small.
constexpr int64_t pieceBytes = int64_t{16} << 20;

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

class MpiCommunicator : public Communicator {
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
    counts.resize(static_cast<size_t>(size));
    offsets.resize(static_cast<size_t>(size));
    ownCounts.resize(static_cast<size_t>(size));
    ownOffsets.resize(static_cast<size_t>(size));
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

  void allReduceSum(BufferView source, BufferView target) override {
    size_t width = byteWidth(source.dtype);
    int64_t total = source.elements();
    int64_t piece = pieceBytes / static_cast<int64_t>(width);
    for (int64_t begin = 0; begin < total; begin += piece)
      reducePiece(source.data + begin * width, target.data + begin * width,
                  std::min(piece, total - begin), source.dtype);
  }

  void reduceScatterSum(BufferView source, BufferView target) override {
    size_t width = byteWidth(source.dtype);
    int64_t slice = target.elements();
    int64_t piece =
        std::max<int64_t>(pieceBytes / static_cast<int64_t>(width) / size, 1);
    // The target may lie in the source, whose slices are still to be sent.
    sum.resize(static_cast<size_t>(slice) * width);
    for (int64_t begin = 0; begin < slice; begin += piece) {
      int64_t count = std::min(piece, slice - begin);
      pack.resize(static_cast<size_t>(size * count) * width);
      for (int other = 0; other < size; ++other) {
        counts[other] = static_cast<int>(count);
        offsets[other] = static_cast<int>(other * count);
        std::memcpy(pack.data() + other * count * width,
                    source.data + (other * slice + begin) * width,
                    static_cast<size_t>(count) * width);
      }
      exchange(pack.data(), count, width);
      sumInOrder(received.data(), size, count, source.dtype,
                 sum.data() + begin * width);
    }
    std::memcpy(target.data, sum.data(), sum.size());
  }

  void allGather(BufferView source, BufferView target) override {
    size_t width = byteWidth(source.dtype);
    int64_t elements = source.elements();
    require(elements * size <= INT32_MAX,
            "a gather of {} elements from each rank is too large", elements);
    check(MPI_Allgather(source.data, static_cast<int>(elements), unitOf(width),
                        target.data, static_cast<int>(elements), unitOf(width),
                        MPI_COMM_WORLD),
          "gather");
  }

  void broadcast(void *bytes, size_t length, int root) override {
    auto *data = static_cast<std::byte *>(bytes);
    for (size_t begin = 0; begin < length; begin += pieceBytes) {
      size_t count = std::min<size_t>(pieceBytes, length - begin);
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
  /// One piece of an all-reduce: slices of about equal size, one for each rank.
  void reducePiece(const std::byte *source, std::byte *target, int64_t elements,
                   plan::fb::DType dtype) {
    size_t width = byteWidth(dtype);
    for (int other = 0; other < size; ++other) {
      int64_t first = elements * other / size;
      counts[other] = static_cast<int>(elements * (other + 1) / size - first);
      offsets[other] = static_cast<int>(first);
    }
    int64_t own = counts[ownRank];
    exchange(source, own, width);
    sum.resize(static_cast<size_t>(own) * width);
    sumInOrder(received.data(), size, own, dtype, sum.data());
    check(MPI_Allgatherv(sum.data(), static_cast<int>(own), unitOf(width),
                         target, counts.data(), offsets.data(), unitOf(width),
                         MPI_COMM_WORLD),
          "all-reduce");
  }

  /// Sends slice r of `source` (counts, offsets) to rank r; `received` is then
  /// the ranks' `own` elements of this rank's slice, in rank order.
  void exchange(const std::byte *source, int64_t own, size_t width) {
    received.resize(static_cast<size_t>(own) * size * width);
    for (int other = 0; other < size; ++other) {
      ownCounts[other] = static_cast<int>(own);
      ownOffsets[other] = static_cast<int>(own * other);
    }
    check(MPI_Alltoallv(source, counts.data(), offsets.data(), unitOf(width),
                        received.data(), ownCounts.data(), ownOffsets.data(),
                        unitOf(width), MPI_COMM_WORLD),
          "exchange");
  }

  int ownRank = 0, size = 1, local = 1, ownLocalRank = 0;
  std::vector<int> counts, offsets, ownCounts, ownOffsets;
  std::vector<std::byte> received, sum, pack; // grow once, then stay
};

} // namespace
} // namespace pfc::rt

extern "C" pfc::rt::Communicator *pfc_create_communicator() {
  return new pfc::rt::MpiCommunicator();
}
