#include "runtime/train/InitialWeights.h"

#include "runtime/base/Error.h"
#include "runtime/exec/Initializer.h"
#include "runtime/train/ModelFolder.h"
#include "runtime/train/checkpoint/Checkpoint.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>

namespace pfc::rt {
namespace {

namespace fs = std::filesystem;

/// A folder with weights: a checkpoint, what a run left at its end, or a run's
/// folder with nothing but checkpoints.
class Model {
public:
  explicit Model(const std::string &path) : folder(folderOfWeights(path)) {
    if (isCheckpoint(folder))
      checkpoint = std::make_unique<Checkpoint>(folder);
  }

  std::string backbone() {
    return checkpoint ? checkpoint->backbone() : ModelFolder(folder).backbone();
  }
  ClassCenterFiles classCenters() {
    return checkpoint ? checkpoint->classCenters()
                      : ClassCenterFiles::inFolder(folder);
  }
  const std::string &path() const { return folder; }

private:
  std::string folder;
  std::unique_ptr<Checkpoint> checkpoint;
};

ClassMap mapFor(const std::string &path, const ClassCenterFiles &centers,
                const Model &model, int64_t classes) {
  if (path.empty()) {
    require(centers.classes() == classes,
            "{}: has {} class centers, the plan {}: say with --class-map which "
            "class is which, or take the network alone with --init-backbone",
            model.path(), centers.classes(), classes);
    return ClassMap(classes);
  }
  ClassMap map = ClassMap::read(path);
  require(map.classes() == classes,
          "{}: maps {} classes, the plan has {}: compile the spec with "
          "head.classes = {}",
          path, map.classes(), classes, map.classes());
  map.checkOld(centers.classes());
  return map;
}

std::string loadClassCenters(const std::string &mapPath, Model &model,
                             const plan::fb::Variant &variant,
                             const ClassRange &range, uint64_t seed,
                             Executor &executor) {
  ClassCenterFiles centers = model.classCenters();
  ClassMap map = mapFor(mapPath, centers, model, range.total);
  for (const plan::fb::Variable *variable : *variant.variables()) {
    if (!variable->shard() || !variable->exported())
      continue;
    std::string name = variable->name()->str();
    const uint64_t width = rowBytes(*variable);
    const auto block = static_cast<int64_t>((4 << 20) / width + 1);
    std::vector<std::byte> rows;
    for (int64_t done = 0; done < range.count; done += block) {
      int64_t count = std::min(block, range.count - done);
      uint64_t at = static_cast<uint64_t>(done) * width;
      rows.resize(static_cast<uint64_t>(count) * width);
      executor.readVariablePart(name, at, rows);
      centers.read(*variable, map, range.first + done, count, rows);
      if (!executor.isInHostMemory(name))
        makeUnusedRows(*variable, seed, range.first + done, rows);
      executor.writeVariablePart(name, at, rows);
    }
  }
  return fmt::format("; {} of its {} class centers for {} classes, {} new",
                     map.oldClasses(), centers.classes(), map.classes(),
                     map.newClasses());
}

} // namespace

std::string networkFile(const std::string &path) {
  return fs::is_directory(path) ? Model(path).backbone() : path;
}

std::string loadInitialWeights(const InitialWeights &from,
                               const plan::fb::Variant &variant, int rank,
                               uint64_t seed, Executor &executor) {
  if (!from.backbone.empty()) {
    require(fs::exists(from.backbone),
            "{}: there is no such file or folder: --init-backbone takes a "
            "weights file, another run's --out or a checkpoint's folder",
            from.backbone);
    std::string file = networkFile(from.backbone);
    loadBackbone(*openWeights(file), variant, executor);
    return "the network starts from " + file;
  }
  if (from.model.empty())
    return {};
  require(fs::is_directory(from.model),
          "{}: there is no such folder: --init takes another run's --out or a "
          "checkpoint's folder",
          from.model);
  Model model(from.model);
  loadBackbone(*openWeights(model.backbone()), variant, executor);
  std::string taken = "the network starts from " + model.path();
  if (std::optional<ClassRange> range = classRange(variant, rank))
    taken +=
        loadClassCenters(from.classMap, model, variant, *range, seed, executor);
  return taken;
}

} // namespace pfc::rt
