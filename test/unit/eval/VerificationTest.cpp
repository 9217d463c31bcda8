// The protocol against numbers that verification_oracle.py (numpy) prints for
// the same embeddings.
#include "runtime/eval/Verification.h"
#include "runtime/base/Error.h"
#include "test/unit/eval/RandomFloats.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace pfc::rt;

namespace {

struct Pairs {
  std::vector<float> embeddings;
  std::vector<bool> same;
};

/// Pair i is "same" iff (i / 3) % 2 == 0; its second row is the first plus
/// noise.
Pairs makePairs(uint64_t seed, int pairs, int dim, float noise) {
  Pairs result{randomFloats(seed, size_t{2} * pairs * dim), {}};
  std::vector<float> extra = randomFloats(seed + 1, size_t(pairs) * dim);
  for (int i = 0; i < pairs; ++i) {
    result.same.push_back(i / 3 % 2 == 0);
    float *a = &result.embeddings[size_t{2} * i * dim];
    for (int k = 0; k < dim && result.same[i]; ++k)
      a[dim + k] = a[k] + noise * extra[size_t(i) * dim + k];
  }
  return result;
}

struct Case {
  uint64_t seed;
  int pairs, dim;
  float noise;
  /// accuracy, std, threshold, TAR 1e-3, 1e-4, ROC TAR 1e-3, 1e-4, norm
  double expected[8];
};

const Case cases[] = {
    {1,
     200,
     8,
     100.0f,
     {0.5, 0.074161984871, 2.955, 0, 0, 0, 0, 42.6632655273}},
    {2,
     600,
     16,
     0.5f,
     {0.998333333333, 0.005, 0.487, 1, 1, 1, 1, 2.36887631184}},
    {3,
     607,
     16,
     1.2f,
     {0.929234972678, 0.0458065629963, 1.198, 0.421075268817, 0.421075268817,
      0.414473684211, 0.414473684211, 2.60289754711}},
    {4,
     6000,
     16,
     1.2f,
     {0.944333333333, 0.00675771164424, 1.246, 0.367333333333, 0.246333333333,
      0.388666666667, 0.238666666667, 2.61774596912}},
    {5, 60, 4, 0.01f, {1, 0, 0.01, 1, 1, 1, 1, 1.10663228166}},
};

TEST(Verification, MatchesTheOracle) {
  for (const Case &c : cases) {
    SCOPED_TRACE(c.seed);
    Pairs pairs = makePairs(c.seed, c.pairs, c.dim, c.noise);
    VerificationResult result =
        evaluateVerification(pairs.embeddings, c.dim, pairs.same);
    EXPECT_EQ(result.pairs, c.pairs);
    EXPECT_NEAR(result.accuracy, c.expected[0], 1e-9);
    EXPECT_NEAR(result.accuracyStd, c.expected[1], 1e-9);
    EXPECT_NEAR(result.threshold, c.expected[2], 1e-9);
    EXPECT_NEAR(result.tarAtFar1e3, c.expected[3], 1e-9);
    EXPECT_NEAR(result.tarAtFar1e4, c.expected[4], 1e-9);
    EXPECT_NEAR(result.rocTarAtFar1e3, c.expected[5], 1e-9);
    EXPECT_NEAR(result.rocTarAtFar1e4, c.expected[6], 1e-9);
    EXPECT_NEAR(result.xnorm, c.expected[7], 1e-6);
  }
}

TEST(Verification, ScaleOfEmbeddingsChangesOnlyXNorm) {
  Pairs pairs = makePairs(3, 607, 16, 1.2f);
  VerificationResult before =
      evaluateVerification(pairs.embeddings, 16, pairs.same);
  for (float &value : pairs.embeddings)
    value *= 8; // a power of two: exact
  VerificationResult after =
      evaluateVerification(pairs.embeddings, 16, pairs.same);
  EXPECT_EQ(before.accuracy, after.accuracy);
  EXPECT_EQ(before.tarAtFar1e4, after.tarAtFar1e4);
  EXPECT_NEAR(after.xnorm, 8 * before.xnorm, 1e-6);
}

/// Folds are contiguous: with the label flipped in the last tenth only, that
/// fold alone is wrong.
TEST(Verification, FoldsAreContiguousBlocks) {
  std::vector<float> embeddings;
  std::vector<bool> same;
  for (int i = 0; i < 100; ++i) {
    bool near = i % 2 == 0;
    embeddings.insert(embeddings.end(),
                      {1, 0, near ? 1.0f : 0.0f, near ? 0.0f : 1.0f});
    same.push_back(i < 90 ? near : !near);
  }
  VerificationResult result = evaluateVerification(embeddings, 2, same);
  EXPECT_NEAR(result.accuracy, 0.9, 1e-12);
  EXPECT_NEAR(result.accuracyStd, 0.3, 1e-12);
  // Distances are 0 and 2: the first threshold that separates them is 0.01.
  EXPECT_NEAR(result.threshold, 0.01, 1e-12);
}

TEST(Verification, OneKindOfPairOnly) {
  Pairs pairs = makePairs(7, 50, 4, 0.5f);
  VerificationResult all =
      evaluateVerification(pairs.embeddings, 4, std::vector<bool>(50, true));
  EXPECT_EQ(all.rocTarAtFar1e3, 1); // no "different" pair can be accepted
  EXPECT_EQ(all.tarAtFar1e3, 0);    // threshold 0
  VerificationResult none =
      evaluateVerification(pairs.embeddings, 4, std::vector<bool>(50, false));
  EXPECT_EQ(none.accuracy, 1);
  EXPECT_EQ(none.tarAtFar1e3, 0);
  EXPECT_EQ(none.rocTarAtFar1e4, 0);
}

TEST(Verification, WrongInputIsAnError) {
  Pairs pairs = makePairs(7, 50, 4, 0.5f);
  EXPECT_THROW(evaluateVerification(pairs.embeddings, 3, pairs.same), Error);
  EXPECT_THROW(evaluateVerification({}, 4, {}), Error);
  EXPECT_THROW(evaluateVerification(std::span(pairs.embeddings).first(72), 4,
                                    std::vector<bool>(9)),
               Error);
  pairs.embeddings[12] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(evaluateVerification(pairs.embeddings, 4, pairs.same), Error);
}

TEST(Verification, RowsOfZerosStayZero) {
  Pairs pairs = makePairs(7, 50, 4, 0.5f);
  std::fill(pairs.embeddings.begin(), pairs.embeddings.begin() + 8, 0.0f);
  EXPECT_TRUE(std::isfinite(
      evaluateVerification(pairs.embeddings, 4, pairs.same).accuracy));
}

} // namespace
