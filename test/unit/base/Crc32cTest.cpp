#include "runtime/base/Crc32c.h"

#include <gtest/gtest.h>
#include <string>

namespace pfc::rt {
namespace {

// RFC 3720's examples, and the check value of catalogues.
TEST(Crc32c, KnownChecksums) {
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43u);
  std::string rising, falling;
  for (char byte = 0; byte < 32; ++byte) {
    rising += byte;
    falling += static_cast<char>(31 - byte);
  }
  EXPECT_EQ(crc32c(rising), 0x46DD794Eu);
  EXPECT_EQ(crc32c(falling), 0x113FDB5Cu);
}

} // namespace
} // namespace pfc::rt
