// Verification sets as real Pythons pickle them, and pickles that are attacks
// or damage. Nothing may crash, execute, or ask for memory by a length field.
#include "runtime/pickle/PickleReader.h"
#include "runtime/base/Error.h"
#include "runtime/data/PairWriter.h"
#include "runtime/eval/VerificationSet.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

using namespace pfc::rt;

namespace {

struct Fixture {
  const char *name;
  std::string_view base64;
};

const Fixture fixtures[] = {
#include "PickleFixtures.inc"
};

std::string decodeBase64(std::string_view text) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    if (c == '=')
      break;
    bits = bits << 6 | static_cast<uint32_t>(digits.find(c));
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<char>(bits >> count & 0xff));
    }
  }
  return out;
}

/// The pictures every fixture holds.
std::vector<std::vector<uint8_t>> expectedImages() {
  std::vector<std::vector<uint8_t>> images;
  for (uint8_t i = 0; i < 3; ++i)
    images.push_back({0xff, 0xd8, i, 0, 10, 92, 39, 200, 26});
  std::vector<uint8_t> last(256);
  for (int i = 0; i < 256; ++i)
    last[i] = static_cast<uint8_t>(i);
  for (char c : std::string_view("\\u0041'\""))
    last.push_back(static_cast<uint8_t>(c));
  images.push_back(last);
  return images;
}

PickleDocument parse(const std::string &bytes) {
  return readPickle(
      {reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()},
      "test.bin");
}

std::string parseError(const std::string &bytes) {
  try {
    parse(bytes);
  } catch (const Error &error) {
    return error.what();
  }
  return "no error";
}

/// A file in the temporary folder, removed at the end.
class TemporaryFile {
public:
  explicit TemporaryFile(const std::string &contents)
      : path(std::filesystem::temp_directory_path() /
             ("pfc-pickle-" + std::to_string(::getpid()) + ".bin")) {
    std::ofstream(path, std::ios::binary) << contents;
  }
  ~TemporaryFile() { std::filesystem::remove(path); }
  std::string name() const { return path.string(); }

private:
  std::filesystem::path path;
};

VerificationSet readSet(const std::string &bytes) {
  return readVerificationSet(TemporaryFile(bytes).name());
}

std::string setError(const std::string &bytes) {
  try {
    readSet(bytes);
  } catch (const Error &error) {
    return error.what();
  }
  return "no error";
}

bool contains(const std::string &text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

#define EXPECT_CONTAINS(text, part)                                            \
  EXPECT_PRED2(contains, std::string(text), part)

using namespace std::string_literals;

TEST(PickleReader, ReadsWhatPython2And3Write) {
  EXPECT_EQ(std::size(fixtures), 39u);
  for (const Fixture &fixture : fixtures) {
    SCOPED_TRACE(fixture.name);
    VerificationSet set = readSet(decodeBase64(fixture.base64));
    EXPECT_EQ(set.images, expectedImages());
    EXPECT_EQ(set.same, std::vector<bool>({true, false}));
    EXPECT_EQ(set.shapes, std::vector<RawShape>(4));
    EXPECT_TRUE(set.name.starts_with("pfc-pickle-"));
  }
}

TEST(PickleReader, EveryTruncationIsAnError) {
  for (const Fixture &fixture : fixtures) {
    SCOPED_TRACE(fixture.name);
    std::string bytes = decodeBase64(fixture.base64);
    for (size_t length = 0; length < bytes.size(); ++length)
      EXPECT_THROW(parse(bytes.substr(0, length)), Error) << length;
    EXPECT_CONTAINS(parseError(bytes + "x"), "1 bytes follow the end");
  }
}

TEST(PickleReader, DamagedBytesNeverCrash) {
  int accepted = 0, refused = 0;
  for (const Fixture &fixture : fixtures) {
    std::string bytes = decodeBase64(fixture.base64);
    for (size_t at = 0; at < bytes.size(); ++at) {
      for (int flip : {0x01, 0x20, 0x80, 0xff}) {
        std::string damaged = bytes;
        damaged[at] = static_cast<char>(damaged[at] ^ flip);
        try {
          parse(damaged);
          ++accepted; // a picture's own byte
        } catch (const Error &) {
          ++refused;
        }
      }
    }
  }
  EXPECT_GT(accepted, 0);
  EXPECT_GT(refused, 0);
}

TEST(PickleReader, NamesThatAreNotNumpysAreRefused) {
  std::string error = parseError("cos\nsystem\n(S'echo owned'\ntR.");
  EXPECT_CONTAINS(error, "os.system");
  EXPECT_CONTAINS(error, "0x63 (GLOBAL) at offset 0");
  EXPECT_CONTAINS(error, "nothing was executed");
  EXPECT_CONTAINS(parseError("\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x04"
                             "echo\x85R."s),
                  "posix.system");
  EXPECT_CONTAINS(parseError("cbuiltins\neval\n(S'1'\ntR."), "builtins.eval");
  EXPECT_CONTAINS(parseError("cnumpy.core.multiarray\nfromfile\n."),
                  "numpy.core.multiarray.fromfile");
  EXPECT_CONTAINS(parseError("c_codecs\ndecode\n."), "_codecs.decode");
}

TEST(PickleReader, OpcodesThatSetsDoNotUseAreNamed) {
  EXPECT_CONTAINS(parseError("(S'echo'\nios\nsystem\n."),
                  "0x69 (INST) at offset 9");
  EXPECT_CONTAINS(parseError("(cnumpy\nndarray\no."), "(OBJ)");
  EXPECT_CONTAINS(parseError("cnumpy\nndarray\n)\x81."), "(NEWOBJ)");
  EXPECT_CONTAINS(parseError("}."), "(EMPTY_DICT) at offset 0");
  EXPECT_CONTAINS(parseError("P1\n."), "(PERSID)");
  EXPECT_CONTAINS(parseError("\x82\x01."), "(EXT1)");
  EXPECT_CONTAINS(parseError("\x8f."), "(EMPTY_SET)");
  EXPECT_CONTAINS(parseError("N2."), "(DUP) at offset 1");
  EXPECT_CONTAINS(parseError("\xfe"), "0xfe (?)");
}

TEST(PickleReader, CallsAndStatesAreChecked) {
  EXPECT_CONTAINS(parseError("S'x'\n)R."), "not one of the allowed names");
  EXPECT_CONTAINS(parseError("cnumpy\nndarray\n)R."), "only name");
  EXPECT_CONTAINS(parseError("cnumpy\ndtype\n(S'O8'\nI00\nI01\ntR."),
                  "neither 'u1'");
  EXPECT_CONTAINS(parseError("cnumpy\ndtype\n)R."), "without a type code");
  EXPECT_CONTAINS(parseError("c_codecs\nencode\n(Vx\nVhex\ntR."),
                  "else than latin1");
  EXPECT_CONTAINS(parseError("c_codecs\nencode\n(V\\u0141\nVlatin1\ntR."),
                  "not Latin-1");
  EXPECT_CONTAINS(parseError("I1\n)b."), "something other than a numpy array");
}

/// (u8 array of `shape` with contents 'abcd'), in protocol 0.
std::string array(const std::string &shape, const std::string &order = "I00") {
  return "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\n"
         "tR(I1\n(" +
         shape + "tcnumpy\ndtype\n(S'u1'\nI00\nI01\ntR" + order +
         "\nS'abcd'\ntb.";
}

TEST(PickleReader, ArraysMustFitTheirContents) {
  EXPECT_EQ(parseError(array("I4\n")), "no error");
  EXPECT_EQ(parseError(array("I2\nI2\n")), "no error");
  EXPECT_CONTAINS(parseError(array("I5\n")), "does not fit");
  EXPECT_CONTAINS(parseError(array("I3\n")), "holds 3 elements");
  EXPECT_CONTAINS(parseError(array("I-4\n")), "does not fit");
  EXPECT_CONTAINS(parseError(array("I4611686018427387904\nI4\n")),
                  "does not fit");
  EXPECT_CONTAINS(parseError(array("I4\n", "I01")), "Fortran order");
}

TEST(PickleReader, HugeLengthsAskForNoMemory) {
  EXPECT_CONTAINS(parseError("B\xff\xff\xff\xff"
                             "abc"),
                  "wants 4294967295 bytes, but the file ends after 3");
  EXPECT_CONTAINS(parseError("T\xff\xff\xff\xff"
                             "abc"),
                  "(BINSTRING) at offset 0");
  EXPECT_CONTAINS(
      parseError("\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\x7f"s + "abc"),
      "wants 9223372036854775807 bytes");
  EXPECT_CONTAINS(
      parseError("\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xff"s + "N."),
      "frame of");
  EXPECT_CONTAINS(parseError("X\xff\xff\xff\x7f"s), "(BINUNICODE)");
  EXPECT_CONTAINS(parseError("\x8a\xff"s + std::string(255, '\1') + "."),
                  "255 bytes");
  EXPECT_CONTAINS(parseError("I99999999999999999999\n."), "64-bit");
}

TEST(PickleReader, RepeatedDecodingIsLimited) {
  // One string of 4 kB, encoded a thousand times from the memo.
  std::string bytes = "\x80\x02(X"s + std::string("\x00\x10\x00\x00", 4) +
                      std::string(4096, 'a') +
                      "q\x01X\x06\x00\x00\x00latin1q\x02"s;
  for (int i = 0; i < 1000; ++i)
    bytes += "c_codecs\nencode\nh\x01h\x02\x86R";
  EXPECT_CONTAINS(parseError(bytes + "l."), "four times the file's size");
}

TEST(PickleReader, ManySmallValuesAreLimited) {
  EXPECT_CONTAINS(parseError(std::string((1 << 22) + 1, ']')),
                  "more than 4194304 values");
}

TEST(PickleReader, DeepNestingAndCyclesAreOnlyData) {
  constexpr int depth = 200000;
  EXPECT_EQ(parse(std::string(depth, ']') + std::string(depth - 1, 'a') + ".")
                .values.size(),
            depth + 3u);
  EXPECT_EQ(parseError("]q\x01h\x01"
                       "a."),
            "no error");
  EXPECT_CONTAINS(setError("]q\x01h\x01"
                           "a."),
                  "other than the pair");
}

TEST(PickleReader, StackMistakesAreErrors) {
  EXPECT_CONTAINS(parseError("."), "0 values");
  EXPECT_CONTAINS(parseError("NN."), "2 values");
  EXPECT_CONTAINS(parseError("N(."), "1 marks");
  EXPECT_CONTAINS(parseError("t."), "no MARK");
  EXPECT_CONTAINS(parseError("N\x86."), "fewer than 2");
  EXPECT_CONTAINS(parseError("N(\x85."), "fewer than 1");
  EXPECT_CONTAINS(parseError("NNa."), "no list");
  EXPECT_CONTAINS(parseError("(NNe."), "no list");
  EXPECT_CONTAINS(parseError("q\x01."), "stack is empty");
  EXPECT_CONTAINS(parseError("h\x07."), "entry 7 was never stored");
  EXPECT_CONTAINS(parseError("N\x80\x02."), "protocol 2");
  EXPECT_CONTAINS(parseError("\x80\x06N."), "protocol 6");
  EXPECT_CONTAINS(parseError("S'abc\n."), "quotes");
  EXPECT_CONTAINS(parseError("S'\\q'\n."), "escape");
}

TEST(VerificationSet, ReadsWhatThisProjectWrites) {
  TemporaryFile file("");
  data::writePairs(file.name(), expectedImages(), {false, true});
  VerificationSet set = readVerificationSet(file.name());
  EXPECT_EQ(set.images, expectedImages());
  EXPECT_EQ(set.same, std::vector<bool>({false, true}));
}

TEST(VerificationSet, OtherContentsAreErrors) {
  EXPECT_CONTAINS(setError("N."), "other than the pair");
  EXPECT_CONTAINS(setError("(]]t."), "0 pictures for 0 pairs");
  EXPECT_CONTAINS(setError("((lp0\nS'a'\na(lI01\nat."), "1 pictures for 1");
  EXPECT_CONTAINS(setError("((lS'a'\naS''\na(lI01\nat."), "picture 1 is empty");
  EXPECT_CONTAINS(setError("((lS'a'\naNa(lI01\nat."), "picture 1 is neither");
  EXPECT_CONTAINS(setError("((lS'a'\naS'b'\na(lI7\nat."), "issame[0]");
  EXPECT_CONTAINS(setError("((lS'a'\naS'b'\naNt."), "issame is not a list");
  EXPECT_EQ(setError("((lS'a'\naS'b'\na(lI1\nat."), "no error");
  EXPECT_THROW(readVerificationSet("/nonexistent/lfw.bin"), Error);
  EXPECT_THROW(readVerificationSet("/tmp"), Error);
}

TEST(VerificationSet, MemoisedPicturesMayRepeatOnlyAFewTimes) {
  std::string pictures = "S'" + std::string(1000, 'x') + "'\np1\n";
  auto set = [&](int pairs) {
    std::string bytes = "((" + pictures;
    for (int i = 1; i < 2 * pairs; ++i)
      bytes += "g1\n";
    bytes += "l(";
    for (int i = 0; i < pairs; ++i)
      bytes += "I01\n";
    return bytes + "lt.";
  };
  EXPECT_EQ(readSet(set(4)).images[7], std::vector<uint8_t>(1000, 'x'));
  EXPECT_CONTAINS(setError(set(100)), "repeat to more than 16 times");
}

TEST(VerificationSet, UnencodedPicturesKeepTheirShape) {
  std::string raw = array("I2\nI2\n");
  raw.pop_back(); // STOP
  std::string bytes = "((l" + raw + "aS'b'\na(lI01\nat.";
  VerificationSet set = readSet(bytes);
  EXPECT_EQ(set.shapes[0], (RawShape{2, 2, 1}));
  EXPECT_FALSE(set.shapes[0].encoded());
  EXPECT_TRUE(set.shapes[1].encoded());
  EXPECT_EQ(set.images[0], (std::vector<uint8_t>{'a', 'b', 'c', 'd'}));
}

} // namespace
