// What a judge says of ranks' states.
#include "runtime/comm/watch/Verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pfc::rt::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using Life = RankState::Life;
using Kind = Activity::Kind;

RankState at(const char *place, Kind kind, double since, uint64_t waits = 5) {
  RankState state;
  state.place = place;
  state.kind = kind;
  state.since = since;
  state.step = 7;
  state.waits = waits;
  return state;
}

RankState waiting(double since, uint64_t waits = 5) {
  return at("all_reduce of head", Kind::Waits, since, waits);
}

std::string said(const std::vector<RankState> &ranks) {
  auto verdict = judge(ranks, 60);
  return verdict ? verdict->text : "";
}

TEST(Verdict, NothingWhileTheyGetOn) {
  RankState slow = at("verification", Kind::Slow, 400);
  EXPECT_EQ(said({waiting(100), at("conv1", Kind::Work, 59), waiting(300)}),
            "");
  EXPECT_EQ(said({waiting(100), slow}), "");
  RankState done = waiting(100);
  done.life = Life::Left;
  EXPECT_EQ(said({done, done}), "");
  EXPECT_EQ(said({done, waiting(10)}), "");
}

TEST(Verdict, NamesWhoEndedAndWhoWaitsWhere) {
  std::vector<RankState> ranks(12, waiting(1));
  ranks[1] = at("conv1", Kind::Work, 0);
  ranks[4].life = ranks[5].life = Life::Ended;
  ranks[11] = at("all_gather of labels", Kind::Waits, 0);
  EXPECT_THAT(said(ranks),
              AllOf(HasSubstr("ranks 4, 5 ended without a word in step 7"),
                    HasSubstr("rank 11 waited in all_gather of labels, ranks "
                              "0, 2, 3, 6, 7, 8, 9, 10 waited in all_reduce "
                              "of head")));
  EXPECT_EQ(judge(ranks, 60)->status, statusWorthRestart);
  std::vector<RankState> many(30, waiting(1));
  many[0].life = Life::Ended;
  EXPECT_THAT(said(many), HasSubstr("ranks 1, 2, 3, 4, 5, 6, 7, 8 and 21 more "
                                    "waited in"));
  ranks.assign(2, at("conv1", Kind::Work, 0));
  ranks[0].life = Life::Ended;
  EXPECT_THAT(said(ranks), HasSubstr("nobody waited for it yet"));
}

TEST(Verdict, PrefersTheLowestFailureAndADeathToAny) {
  std::vector<RankState> ranks(4, waiting(1));
  for (int rank : {2, 3}) {
    ranks[rank].life = Life::Failed;
    ranks[rank].failure = "bad record";
    ranks[rank].status = rank;
  }
  EXPECT_EQ(said(ranks), "rank 2: bad record");
  EXPECT_EQ(judge(ranks, 60)->status, 2);
  ranks[1].life = Life::Silent;
  EXPECT_EQ(said(ranks), "rank 2: bad record");
  ranks[3].life = Life::Ended;
  EXPECT_THAT(said(ranks), HasSubstr("rank 3 ended"));
}

TEST(Verdict, NamesWhoHangs) {
  std::vector<RankState> ranks(3, waiting(50));
  ranks[1] = at("conv1", Kind::Work, 0);
  ranks[1].life = Life::Silent;
  ranks[1].silence = 51;
  EXPECT_THAT(said(ranks),
              AllOf(HasSubstr("rank 1 hangs in step 7: no sign of life for "
                              "51.0 s"),
                    HasSubstr("ranks 0, 2 waited in all_reduce of head")));
  EXPECT_THAT(judge(ranks, 60)->hang, testing::ElementsAre(1));
  ranks[2].life = Life::Silent;
  ranks[2].silence = 50;
  EXPECT_THAT(said(ranks), HasSubstr("ranks 1, 2 hang in step 7"));
  EXPECT_THAT(judge(ranks, 60)->hang, testing::ElementsAre(1, 2));
}

TEST(Verdict, NamesWhoKeepsTheOthersWaiting) {
  std::vector<RankState> ranks(3, waiting(61));
  ranks[2] = at("waiting for images", Kind::Work, 61);
  EXPECT_THAT(said(ranks), AllOf(HasSubstr("rank 2 has not got on for 61 s, in "
                                           "step 7, at: waiting for images"),
                                 HasSubstr("ranks 0, 1 waited in")));
  ranks[2].kind = Kind::Slow;
  EXPECT_EQ(said(ranks), "");
  ranks[2].since = 601;
  EXPECT_THAT(said(ranks), HasSubstr("rank 2 has not got on"));
}

TEST(Verdict, NobodyGetsOn) {
  std::vector<RankState> ranks(2, at("waiting for images", Kind::Work, 900));
  EXPECT_THAT(said(ranks), AllOf(HasSubstr("rank 0 has not got on for 900 s"),
                                 HasSubstr("nobody waited for it yet")));
  ranks[1].since = 59;
  EXPECT_EQ(said(ranks), "") << "it will wait, and then is seen";
  ranks[1] = at("verification", Kind::Slow, 599);
  EXPECT_EQ(said(ranks), "");
  ranks[1].since = 601;
  EXPECT_THAT(said(ranks), HasSubstr("rank 0 has not got on"));
  ranks[1].life = Life::Left;
  EXPECT_THAT(said(ranks), HasSubstr("rank 0 has not got on"));
}

TEST(Verdict, SaysWhatOneAloneHangsAt) {
  EXPECT_EQ(said({at("conv1", Kind::Work, 61)}),
            "the run has not got on for 61 s, in step 7, at: conv1");
  EXPECT_EQ(judge({waiting(61)}, 60)->status, statusWorthRestart);
  EXPECT_EQ(said({at("conv1", Kind::Work, 59)}), "");
  EXPECT_EQ(said({at("verification", Kind::Slow, 599)}), "");
  RankState done = waiting(61);
  done.life = Life::Left;
  EXPECT_EQ(said({done}), "");
}

TEST(Verdict, NamesWhoIsBehindWhenAllWait) {
  EXPECT_THAT(said({waiting(70), waiting(61, 4), waiting(65)}),
              HasSubstr("(rank 1 is behind)"));
  EXPECT_THAT(
      said({waiting(70), waiting(61), waiting(65)}),
      AllOf(HasSubstr("all at the same one"), Not(HasSubstr("behind"))));
  EXPECT_EQ(said({waiting(70), waiting(59)}), "");
}

} // namespace
} // namespace pfc::rt::test
