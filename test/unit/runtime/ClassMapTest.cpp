// Class maps: what their text means, and what is wrong with it.
#include "runtime/train/checkpoint/ClassMap.h"
#include "runtime/base/Error.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace pfc::rt {
namespace {

using testing::ElementsAre;

std::vector<std::string> cut(const ClassMap &map, int64_t first,
                             int64_t count) {
  std::vector<std::string> runs;
  for (const ClassRun &run : map.cut(first, count))
    runs.push_back(fmt::format("{}+{}<{}", run.first, run.count, run.from));
  return runs;
}

std::string error(std::string_view text) {
  try {
    ClassMap::parse(text, "map");
  } catch (const Error &error) {
    return error.what();
  }
  return "none";
}

TEST(ClassMap, LinesInAnyOrder) {
  ClassMap map = ClassMap::parse("# new old\n"
                                 "3-5\t10   # three of them\r\n"
                                 "\n"
                                 "2 new\n"
                                 "0 7\n"
                                 "1 8\n"
                                 "  6-7 new",
                                 "map");
  EXPECT_EQ(map.classes(), 8);
  EXPECT_EQ(map.newClasses(), 3);
  EXPECT_EQ(map.oldClasses(), 5);
  EXPECT_THAT(cut(map, 0, 8),
              ElementsAre("0+2<7", "2+1<-1", "3+3<10", "6+2<-1"));
  EXPECT_THAT(cut(map, 1, 4), ElementsAre("1+1<8", "2+1<-1", "3+2<10"));
  EXPECT_THAT(cut(map, 5, 2), ElementsAre("5+1<12", "6+1<-1"));
  EXPECT_THAT(cut(map, 4, 0), ElementsAre());
  EXPECT_NO_THROW(map.checkOld(13));
  EXPECT_THROW(map.checkOld(12), Error);
}

TEST(ClassMap, Identity) {
  EXPECT_THAT(cut(ClassMap(5), 1, 3), ElementsAre("1+3<1"));
  EXPECT_EQ(ClassMap(5).newClasses(), 0);
}

TEST(ClassMap, WhatIsWrongIsSaid) {
  const char *words =
      "not two words: NEW OLD, NEW new, FIRST-LAST OLD or FIRST-LAST new";
  EXPECT_EQ(error("0 1\n1\n"), fmt::format("map:2: {}", words));
  EXPECT_EQ(error("0 1 2\n"), fmt::format("map:1: {}", words));
  EXPECT_EQ(error("0 old\n"), "map:1: 'old' is neither an old class nor 'new'");
  EXPECT_EQ(error("0 -1\n"), "map:1: '-1' is neither an old class nor 'new'");
  EXPECT_EQ(error("x 1\n"), "map:1: 'x' is neither a class nor FIRST-LAST");
  EXPECT_EQ(error("1- 1\n"), "map:1: '1-' is neither a class nor FIRST-LAST");
  EXPECT_EQ(error("-1 1\n"), "map:1: '-1' is neither a class nor FIRST-LAST");
  EXPECT_EQ(error("0-9223372036854775807 1\n"),
            "map:1: '0-9223372036854775807' is neither a class nor FIRST-LAST");
  EXPECT_EQ(error("5-4 1\n"), "map:1: classes 5-4 end before they begin");
  EXPECT_EQ(error("1 1\n"), "map: class 0 has no line");
  EXPECT_EQ(error("0-3 1\n5 2\n"), "map: class 4 has no line");
  EXPECT_EQ(error("0-3 1\n2 2\n"), "map: class 2 has two lines");
  EXPECT_EQ(error("# 0 0\n"), "map: a class map without a class");
}

} // namespace
} // namespace pfc::rt
