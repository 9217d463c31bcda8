#include "runtime/device/emulated_cuda/ArenaViews.h"

#include "runtime/base/Error.h"
#include "runtime/plan/Shape.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

namespace pfc::rt::emulated {

static constexpr int readWrite = PROT_READ | PROT_WRITE;

ArenaViews::ArenaViews(uint64_t size)
    : bytes((std::max<uint64_t>(size, 1) + 4095) / 4096 * 4096),
      shift(static_cast<unsigned>(
          std::countr_zero(std::bit_ceil(std::max<uint64_t>(bytes, 1 << 20))) +
          1)) {
  auto check = [&](bool ok) {
    require(ok, "cannot allocate an arena of {}: {}", bytesText(bytes),
            std::strerror(errno));
  };
  file = memfd_create("pfc-arena", MFD_CLOEXEC);
  check(file >= 0 && ftruncate(file, static_cast<off_t>(bytes)) == 0);
  void *address = mmap(nullptr, bytes, readWrite, MAP_SHARED, file, 0);
  check(address != MAP_FAILED);
  arena = static_cast<std::byte *>(address);
}

ArenaViews::~ArenaViews() {
  dropViews();
  if (arena)
    munmap(arena, bytes);
  if (file >= 0)
    close(file);
}

void ArenaViews::dropViews() {
  if (base)
    munmap(base, uint64_t{count} << shift);
  base = nullptr;
  count = 0;
}

void ArenaViews::makeViews(unsigned wanted) {
  dropViews();
  auto check = [&](void *address) {
    require(address != MAP_FAILED,
            "cannot map the arena of {} {} times: {}; PFC_EMULATION_CHECKS=off "
            "does without",
            bytesText(bytes), wanted, std::strerror(errno));
    return static_cast<std::byte *>(address);
  };
  if (wanted == 0)
    return;
  base = check(mmap(nullptr, uint64_t{wanted} << shift, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  count = wanted;
  for (unsigned view = 0; view < wanted; ++view)
    check(mmap(pointer(view, 0), bytes, readWrite, MAP_SHARED | MAP_FIXED, file,
               0));
}

} // namespace pfc::rt::emulated
