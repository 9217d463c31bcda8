#include "runtime/train/checkpoint/Rewrite.h"

#include "runtime/base/AtomicFile.h"
#include "runtime/base/Error.h"
#include "runtime/exec/Initializer.h"
#include "runtime/plan/PlanFile.h"
#include "runtime/plan/Shape.h"
#include "runtime/train/ModelFolder.h"
#include "runtime/train/Snapshot.h"
#include "runtime/train/checkpoint/Checkpoint.h"

#include <algorithm>
#include <filesystem>

namespace pfc::rt {
namespace {

namespace fs = std::filesystem;

constexpr const char *manifestName = "manifest.json";

/// The plan's variant whose precision the state has; the first without one.
const plan::fb::Variant &variantOf(const plan::fb::Plan &plan,
                                   const std::string &precision,
                                   const std::string &folder) {
  for (const plan::fb::Variant *variant : *plan.variants())
    if (precision.empty() || variant->precision()->str() == precision)
      return *variant;
  fail("{}: its plan has no {} variant, its manifest says so", folder,
       precision);
}

/// Class centers on their way from files to others. A block of rows is in
/// memory at a time.
class CenterRewriter {
public:
  CenterRewriter(ClassCenterFiles &files, const ClassMap &map, uint64_t seed)
      : files(files), map(map), seed(seed) {}

  /// The rows of classes [first, first + count) of a variable, to write.
  TensorSource source(const plan::fb::Variable &variable, int64_t first,
                      int64_t count) {
    std::vector<int64_t> shape = toVector(*variable.shape());
    shape[0] = count;
    return {
        variable.name()->str(), tensorType(variable), std::move(shape),
        [this, &variable, first, count](const TensorSink &sink) {
          uint64_t width = rowBytes(variable);
          auto block = static_cast<int64_t>((1 << 20) / width + 1);
          for (int64_t done = 0; done < count; done += block)
            sink(rows(variable, first + done, std::min(block, count - done)));
        }};
  }

private:
  std::vector<std::byte> rows(const plan::fb::Variable &variable, int64_t first,
                              int64_t count) {
    uint64_t width = rowBytes(variable);
    auto columns = static_cast<int64_t>(width / byteWidth(variable.dtype()));
    std::vector<std::byte> block(static_cast<uint64_t>(count) * width);
    for (const ClassRun &run : map.cut(first, count))
      if (run.isNew())
        std::ranges::copy(
            initialRows(variable, seed, run.first, run.count, columns),
            block.begin() + (run.first - first) * static_cast<int64_t>(width));
    files.read(variable, map, first, count, block);
    return block;
  }

  ClassCenterFiles &files;
  const ClassMap &map;
  uint64_t seed;
};

std::string withoutSlash(const std::string &folder) {
  fs::path path = fs::path(folder).lexically_normal();
  return path.has_filename() ? path : path.parent_path();
}

/// A folder that is whole or absent: what isn't published goes.
class NewFolder {
public:
  explicit NewFolder(const std::string &given)
      : path(withoutSlash(given)), partial(path + ".partial") {
    require(!fs::exists(path), "{}: exists already", path);
    fs::remove_all(partial);
    fs::create_directories(partial);
  }
  ~NewFolder() {
    std::error_code ignored;
    if (!published)
      fs::remove_all(partial, ignored);
  }
  NewFolder(const NewFolder &) = delete;
  NewFolder &operator=(const NewFolder &) = delete;

  /// Where to write.
  const std::string &folder() const { return partial; }

  /// All of its files are on the disk.
  void publish() {
    fs::rename(partial, path);
    published = true;
    flushFolder(fs::path(path).parent_path().string());
  }

private:
  std::string path, partial;
  bool published = false;
};

class Conversion {
public:
  Conversion(const std::string &source, const std::string &target,
             const ConvertOptions &options)
      : checkpoint(source), target(target), options(options),
        plan(PlanFile::open(ModelFolder(source).plan())),
        variant(
            variantOf(plan.plan(), checkpoint.manifest().precision, source)),
        files(checkpoint.classCenters()),
        map(options.classMap.empty() ? ClassMap(files.classes())
                                     : ClassMap::read(options.classMap)),
        rewriter(files, map, checkpoint.manifest().seed) {
    map.checkOld(files.classes());
  }

  void run() {
    NewFolder made(target);
    Manifest manifest = checkpoint.manifest();
    for (const ManifestFile &file : manifest.files)
      copy(file, made.folder());
    manifest.shards.clear();
    for (int shard = 0; shard < options.shards; ++shard)
      manifest.shards.push_back(writeShard(shard, made.folder()));
    std::string text = formatManifest(manifest);
    AtomicFile file(made.folder() + "/" + manifestName);
    file.write(text.data(), text.size());
    file.commit();
    made.publish();
  }

private:
  void copy(const ManifestFile &file, const std::string &folder) {
    checkpoint.check(file);
    copyFile(checkpoint.path() + "/" + file.name, file.bytes,
             folder + "/" + file.name);
  }

  ManifestShard writeShard(int index, const std::string &folder) {
    int64_t even = map.classes() / options.shards;
    int64_t rest = map.classes() % options.shards;
    ClassRange range{even * index + std::min<int64_t>(index, rest),
                     even + (index < rest), map.classes()};
    std::vector<TensorSource> tensors;
    for (const plan::fb::Variable *variable : *variant.variables())
      if (variable->shard())
        tensors.push_back(rewriter.source(*variable, range.first, range.count));
    std::string path = ModelFolder(folder).classCenters(index, options.shards);
    Sha256 digest;
    streamSafetensors(path, tensors,
                      shardMetadata(checkpoint.manifest().step, range),
                      &digest);
    ManifestShard shard;
    shard.name = fs::path(path).filename();
    shard.bytes = fs::file_size(path);
    shard.sha256 = hexText(digest.digest());
    shard.firstClass = range.first;
    shard.classes = range.count;
    return shard;
  }

  Checkpoint checkpoint;
  std::string target;
  const ConvertOptions &options;
  PlanFile plan;
  const plan::fb::Variant &variant;
  ClassCenterFiles files;
  ClassMap map;
  CenterRewriter rewriter;
};

} // namespace

void mergeClassCenters(const std::string &where, const std::string &file) {
  const std::string folder = folderOfWeights(where);
  std::unique_ptr<Checkpoint> checkpoint;
  if (isCheckpoint(folder))
    checkpoint = std::make_unique<Checkpoint>(folder);
  ClassCenterFiles files = checkpoint ? checkpoint->classCenters()
                                      : ClassCenterFiles::inFolder(folder);
  require(files.classes() > 0, "{}: holds no class centers", folder);
  PlanFile plan = PlanFile::open(ModelFolder(folder).plan());
  const plan::fb::Variant &variant = variantOf(
      plan.plan(), checkpoint ? checkpoint->manifest().precision : "", folder);
  ClassMap map(files.classes());
  CenterRewriter rewriter(files, map, 0);
  std::vector<TensorSource> tensors;
  for (const plan::fb::Variable *variable : *variant.variables())
    if (variable->shard() && variable->exported())
      tensors.push_back(rewriter.source(*variable, 0, files.classes()));
  require(!tensors.empty(), "{}: its plan exports no class centers", folder);
  streamSafetensors(file, tensors,
                    shardMetadata(checkpoint ? checkpoint->manifest().step : -1,
                                  {0, files.classes(), files.classes()}));
}

void convertCheckpoint(const std::string &source, const std::string &target,
                       const ConvertOptions &options) {
  Conversion(source, target, options).run();
}

} // namespace pfc::rt
