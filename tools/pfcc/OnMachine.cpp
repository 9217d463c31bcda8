#include "OnMachine.h"
#include "simulate/Constants.h"

#include "frontend/spec/TomlText.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"

namespace pfc {

llvm::Expected<explain::MachineRequest> requestedMachine(llvm::StringRef name) {
  llvm::Expected<explain::MachineRequest> request = explain::findMachine(name);
  if (request)
    request->machine =
        simulate::Constants::declared().connected(request->machine);
  return request;
}

explain::Machine usualMachine(llvm::StringRef device) {
  const char *name = device == "cuda" ? "h200" : "cpu";
  return llvm::cantFail(requestedMachine(name)).machine;
}

explain::Machine sayUsualMachine(llvm::StringRef device) {
  explain::Machine machine = usualMachine(device);
  if (device == "cuda")
    llvm::errs() << "pfcc: note: without --on this is of " << machine.name
                 << ", as the device is cuda; known: "
                 << explain::machineNames() << ", or FILE.toml\n";
  return machine;
}

llvm::Expected<explain::Machine> machineOfPlan(llvm::StringRef name,
                                               llvm::StringRef device) {
  if (name.empty())
    return sayUsualMachine(device);
  llvm::Expected<explain::MachineRequest> request = requestedMachine(name);
  if (!request)
    return request.takeError();
  if (request->ranks)
    return llvm::createStringError(
        "--on: a plan has its number of ranks: name a machine");
  return std::move(request->machine);
}

/// Whether one of `settings` says `path`, which has the last word then. A text
/// that is wrong says nothing, but an error later.
static bool isSet(llvm::StringRef path, llvm::ArrayRef<std::string> settings) {
  return llvm::any_of(settings, [&](llvm::StringRef setting) {
    return setting.split('=').first.trim() == path ||
           parseToml(setting).table.at_path(path);
  });
}

std::vector<std::string> settingsOn(const explain::MachineRequest &request,
                                    std::vector<std::string> settings) {
  bool hasRanks = isSet("cluster.world_size", settings);
  bool hasDevice = isSet("cluster.device", settings);
  if (request.ranks && !hasRanks)
    settings.push_back("cluster.world_size=" + std::to_string(*request.ranks));
  if (!request.machine.device.empty() && !hasDevice)
    settings.push_back("cluster.device=\"" + request.machine.device + "\"");
  return settings;
}

} // namespace pfc
