// A cubin is an ELF file: the code of kernel k is the section ".text.k", and
// ".nv.info.k" lists its attributes: {format, attribute, size, …}, one of kind
// 0x17 a parameter: {?, its number, its offset, flags with its bytes}.
#include "FakeCubin.h"

#include <cstring>
#include <elf.h>

namespace fakecuda {

static ParameterSizes parametersOf(const unsigned char *at, uint64_t bytes) {
  constexpr unsigned char hasPayload = 4, parameter = 0x17;
  const unsigned char *end = at + bytes;
  std::map<uint16_t, size_t> sizes; // by number
  while (at + 4 <= end) {
    uint16_t size, number;
    std::memcpy(&size, at + 2, sizeof size);
    if (at[1] == parameter) {
      uint32_t flags;
      std::memcpy(&number, at + 8, sizeof number);
      std::memcpy(&flags, at + 12, sizeof flags);
      sizes[number] = flags >> 18;
    }
    at += at[0] == hasPayload ? 4 + size : 4;
  }
  ParameterSizes result;
  for (auto [number, size] : sizes)
    result.push_back(size);
  return result;
}

std::optional<std::map<std::string, ParameterSizes>>
kernelsOf(const void *image) {
  auto *bytes = static_cast<const unsigned char *>(image);
  if (std::memcmp(bytes, ELFMAG, SELFMAG) != 0)
    return std::nullopt;
  auto *header = reinterpret_cast<const Elf64_Ehdr *>(bytes);
  auto *sections =
      reinterpret_cast<const Elf64_Shdr *>(bytes + header->e_shoff);
  auto *names = reinterpret_cast<const char *>(
      bytes + sections[header->e_shstrndx].sh_offset);
  std::map<std::string, ParameterSizes> kernels;
  const std::string prefix = ".nv.info.";
  for (unsigned i = 0; i < header->e_shnum; ++i) {
    std::string name = names + sections[i].sh_name;
    if (name.starts_with(prefix))
      kernels[name.substr(prefix.size())] =
          parametersOf(bytes + sections[i].sh_offset, sections[i].sh_size);
  }
  return kernels;
}

} // namespace fakecuda
