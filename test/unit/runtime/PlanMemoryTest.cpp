// What buffers of a step are for, by their names and shapes.
#include "runtime/plan/PlanMemory.h"
#include "TestPlan.h"

#include <gtest/gtest.h>

namespace pfc::rt::test {
namespace {

using namespace plan::fb;

constexpr int64_t images = 2;

class PlanMemoryTest : public testing::Test {
protected:
  PlanMemoryTest() { test.program().name = "train_step"; }

  uint32_t working(const std::string &name, std::vector<int64_t> shape) {
    uint32_t index = test.buffer(DType_F32, std::move(shape));
    test.program().buffers[index]->name = name;
    return index;
  }
  /// out = lhs * rhs^T, at `location`.
  void multiply(uint32_t lhs, uint32_t rhs, uint32_t out, int64_t batch,
                int64_t m, int64_t n, int64_t k, const std::string &location) {
    MatmulT product;
    product.lhs = lhs, product.rhs = rhs, product.out = out;
    product.batch = batch, product.m = m, product.n = n, product.k = k;
    product.transpose_rhs = true;
    test.add(std::move(product)).location = location;
  }
  MemoryUse use() {
    return planMemory(*test.finish().variants()->Get(0), images).use;
  }

  TestPlan test;
};

TEST_F(PlanMemoryTest, ProductsOfTheHeadAreLogits) {
  uint32_t x = working("head.x", {images, 16}), w = working("head.w", {32, 16});
  multiply(x, w, working("head.cosines", {images, 32}), 1, images, 32, 16,
           "head.cosines");
  EXPECT_EQ(use()[Purpose::Logits], 4u * images * 32);
}

/// A matrix of such a product's extents is there at the same time.
TEST_F(PlanMemoryTest, ABatchOfProductsIsNone) {
  CopyT copy;
  copy.source = working("head.a", {images, 32});
  copy.target = working("head.b", {images, 32});
  test.add(CopyT(copy));
  uint32_t x = working("head.x", {3, images, 16});
  uint32_t w = working("head.w", {3, 32, 16});
  multiply(x, w, working("head.p", {3, images, 32}), 3, images, 32, 16,
           "head.p");
  test.add(std::move(copy));
  EXPECT_EQ(use()[Purpose::Logits], 0u);
}

/// Rows of tokens or heads, of which each image has as many.
TEST_F(PlanMemoryTest, RowsOfImagesAreActivations) {
  uint32_t q = working("layer.q", {images * 4, 8, 16});
  uint32_t p = working("layer.p", {images * 4, 8, 8});
  multiply(q, q, p, images * 4, 8, 8, 16, "layer.p");
  EXPECT_EQ(use()[Purpose::Activations], 4u * images * 4 * (8 * 16 + 8 * 8));
}

} // namespace
} // namespace pfc::rt::test
