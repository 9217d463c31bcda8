// JPEG and PNG: shapes, pixel values, conversion, damage.
#include "runtime/data/ImageCodec.h"

#include "runtime/data/BadRecord.h"
#include "test/unit/data/TestFiles.h"

#include <algorithm>
#include <array>

namespace pfc::rt::data {
namespace {

/// A smooth picture, which JPEG keeps well.
std::vector<uint8_t> gradient(ImageShape shape) {
  std::vector<uint8_t> pixels;
  for (int y = 0; y < shape.height; ++y)
    for (int x = 0; x < shape.width; ++x)
      for (int c = 0; c < shape.channels; ++c)
        pixels.push_back(static_cast<uint8_t>(40 + 2 * y + x + 20 * c));
  return pixels;
}

int largestDifference(const std::vector<uint8_t> &a,
                      const std::vector<uint8_t> &b) {
  EXPECT_EQ(a.size(), b.size());
  int largest = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

TEST(ImageCodec, PngIsExact) {
  for (int channels : {1, 3}) {
    ImageShape shape{17, 23, channels};
    std::vector<uint8_t> pixels = gradient(shape);
    std::vector<uint8_t> file = encodePng(pixels, shape);
    EXPECT_EQ(probeImage(file), shape);
    EXPECT_EQ(decodeImage(file, channels).pixels, pixels);
  }
}

TEST(ImageCodec, JpegIsClose) {
  for (int channels : {1, 3}) {
    ImageShape shape{32, 48, channels};
    std::vector<uint8_t> pixels = gradient(shape);
    std::vector<uint8_t> file = encodeJpeg(pixels, shape, 95);
    EXPECT_EQ(probeImage(file), shape);
    EXPECT_LE(largestDifference(decodeImage(file, channels).pixels, pixels), 6);
  }
}

TEST(ImageCodec, ConvertsChannels) {
  ImageShape grey{8, 8, 1};
  std::vector<uint8_t> pixels = gradient(grey);
  for (auto &file : {encodePng(pixels, grey), encodeJpeg(pixels, grey, 100)}) {
    Image image = decodeImage(file, 3);
    ASSERT_EQ(image.pixels.size(), 3 * pixels.size());
    for (size_t i = 0; i < pixels.size(); ++i)
      for (int c = 0; c < 3; ++c)
        EXPECT_NEAR(image.pixels[3 * i + c], pixels[i], 2);
  }
  ImageShape colour{8, 8, 3};
  std::vector<uint8_t> flat(colour.bytes(), 130);
  for (auto &file : {encodePng(flat, colour), encodeJpeg(flat, colour, 100)})
    for (uint8_t value : decodeImage(file, 1).pixels)
      EXPECT_NEAR(value, 130, 2);
}

std::string decodeError(const std::vector<uint8_t> &file, ImageShape shape) {
  std::vector<uint8_t> pixels(shape.bytes());
  return messageOf([&] { decodeImage(file, shape, pixels); });
}

// Those that libjpeg-turbo 2 has no name for: of a picture of one colour the
// same blocks, four of luma for one of each chroma, are another subsampling's.
TEST(ImageCodec, JpegOfAnySubsampling) {
  ImageShape shape{64, 64, 3};
  std::vector<uint8_t> pixels(shape.bytes());
  for (size_t i = 0; i < pixels.size(); ++i)
    pixels[i] = static_cast<uint8_t>(40 + 70 * (i % 3));
  std::vector<uint8_t> file = encodeJpeg(pixels, shape, 100);
  const std::array<uint8_t, 2> frame = {0xff, 0xc0};
  auto luma = std::ranges::search(file, frame).begin() + 11;
  ASSERT_EQ(*luma, 0x22);
  *luma = 0x14;
  Image decoded = decodeImage(file, 3);
  EXPECT_EQ(decoded.shape, shape);
  EXPECT_LE(largestDifference(decoded.pixels, pixels), 2);
}

TEST(ImageCodec, NamesDamage) {
  ImageShape shape{32, 32, 3};
  std::vector<uint8_t> pixels = gradient(shape);
  for (bool png : {false, true}) {
    std::vector<uint8_t> file =
        png ? encodePng(pixels, shape) : encodeJpeg(pixels, shape, 90);
    EXPECT_EQ(decodeError(file, {32, 16, 3}),
              "the image is 32x32 (height x width), not 32x16");
    std::vector<uint8_t> cut(file.begin(), file.begin() + file.size() / 2);
    EXPECT_EQ(decodeError(cut, shape).substr(0, 11),
              png ? "broken PNG:" : "broken JPEG");
  }
  EXPECT_EQ(decodeError({1, 2, 3}, shape),
            "its 3 bytes are neither a JPEG nor a PNG image");
  EXPECT_THROW(decodeImage(std::vector<uint8_t>{}, 3), BadRecord);
  // libjpeg takes a beginning alone for a file of tables.
  EXPECT_EQ(decodeError({0xFF, 0xD8, 0xFF}, shape),
            "broken JPEG: it has no picture");
}

/// As OpenCV reads them; made by hand, 1 x 1.
TEST(ImageCodec, PngsValuesAreWhatIsWritten) {
  struct Case {
    const char *what;
    std::string file;
    std::vector<uint8_t> colour;
    uint8_t grey;
  };
  const Case cases[] = {
      {"a 16-bit file's high bytes",
       std::string(
           "\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52"
           "\x00\x00\x00\x01\x00\x00\x00\x01\x10\x02\x00\x00\x00\xc0\xe7\x8f"
           "\x9d\x00\x00\x00\x0f\x49\x44\x41\x54\x78\x9c\x63\x68\x68\x70\x70"
           "\x38\x70\x00\x00\x09\x87\x03\x01\x36\x8d\x45\x4f\x00\x00\x00\x00"
           "\x49\x45\x4e\x44\xae\x42\x60\x82",
           72),
       {128, 64, 192},
       98},
      {"no gamma",
       std::string(
           "\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52"
           "\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\x90\x77\x53"
           "\xde\x00\x00\x00\x04\x67\x41\x4d\x41\x00\x01\x86\xa0\x31\xe8\x96"
           "\x5f\x00\x00\x00\x0c\x49\x44\x41\x54\x78\x9c\x63\x68\x70\x38\x00"
           "\x00\x02\xc4\x01\x81\xee\x4b\xe0\x1c\x00\x00\x00\x00\x49\x45\x4e"
           "\x44\xae\x42\x60\x82",
           85),
       {128, 64, 192},
       98},
      {"no opacity",
       std::string(
           "\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52"
           "\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4"
           "\x89\x00\x00\x00\x0d\x49\x44\x41\x54\x78\x9c\x63\x68\x70\x38\xd0"
           "\x00\x00\x04\xc5\x02\x01\x90\xac\x83\x83\x00\x00\x00\x00\x49\x45"
           "\x4e\x44\xae\x42\x60\x82",
           70),
       {128, 64, 192},
       98},
      {"a palette",
       std::string(
           "\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52"
           "\x00\x00\x00\x01\x00\x00\x00\x01\x08\x03\x00\x00\x00\x28\xcb\x34"
           "\xbb\x00\x00\x00\x03\x50\x4c\x54\x45\xc8\x1e\x3c\xc3\xe8\xb9\x7a"
           "\x00\x00\x00\x0a\x49\x44\x41\x54\x78\x9c\x63\x60\x00\x00\x00\x02"
           "\x00\x01\x48\xaf\xa4\x71\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42"
           "\x60\x82",
           82),
       {200, 30, 60},
       84},
      {"one bit",
       std::string(
           "\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52"
           "\x00\x00\x00\x01\x00\x00\x00\x01\x01\x00\x00\x00\x00\x37\x6e\xf9"
           "\x24\x00\x00\x00\x0a\x49\x44\x41\x54\x78\x9c\x63\x68\x00\x00\x00"
           "\x82\x00\x81\x77\xcd\x72\xb6\x00\x00\x00\x00\x49\x45\x4e\x44\xae"
           "\x42\x60\x82",
           67),
       {255, 255, 255},
       255},
  };
  for (const Case &it : cases) {
    std::vector<uint8_t> file(it.file.begin(), it.file.end());
    EXPECT_EQ(decodeImage(file, 3).pixels, it.colour) << it.what;
    EXPECT_EQ(decodeImage(file, 1).pixels, std::vector<uint8_t>{it.grey})
        << it.what;
  }
}

TEST(ImageCodec, KnowsImageNames) {
  EXPECT_TRUE(isImageName("a.jpg"));
  EXPECT_TRUE(isImageName("a.b.JPEG"));
  EXPECT_TRUE(isImageName("a.Png"));
  EXPECT_FALSE(isImageName("a.txt"));
  EXPECT_FALSE(isImageName("png"));
  EXPECT_FALSE(isImageName(".png"));
}

} // namespace
} // namespace pfc::rt::data
