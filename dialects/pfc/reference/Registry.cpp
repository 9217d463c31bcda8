//===- Registry.cpp - Op name to its meaning ------------------------------===//
#include "dialects/pfc/reference/Registry.h"

using namespace pfc::reference;

const Registry &Registry::get() {
  static const Registry registry = [] {
    Registry all;
    addElementwiseOps(all);
    addProductOps(all);
    addBatchNormOps(all);
    addTokenOps(all);
    addSamplingOps(all);
    addHeadOps(all);
    addFusedHeadOps(all);
    addOptimizerOps(all);
    addGridOps(all);
    return all;
  }();
  return registry;
}
