#include "runtime/device/emulated_cuda/KernelSource.h"

#include "runtime/base/Error.h"
#include "runtime/device/emulated_cuda/EmbeddedHeaders.h"

#include <algorithm>
#include <regex>

namespace pfc::rt::emulated {
namespace {

/// Blanks comments; keeps every line where it is.
std::string withoutComments(const std::string &text) {
  std::string result;
  for (size_t i = 0; i < text.size();) {
    size_t end;
    if (text.compare(i, 2, "//") == 0) {
      end = std::min(text.find('\n', i), text.size());
    } else if (text.compare(i, 2, "/*") == 0) {
      size_t close = text.find("*/", i + 2);
      end = close == std::string::npos ? text.size() : close + 2;
      result += ' ';
    } else {
      result += text[i++];
      continue;
    }
    result.append(static_cast<size_t>(std::count(
                      text.begin() + static_cast<ptrdiff_t>(i),
                      text.begin() + static_cast<ptrdiff_t>(end), '\n')),
                  '\n');
    i = end;
  }
  return result;
}

/// A declaration without `__shared__` and `;`, taken apart.
struct SharedDeclaration {
  std::string type, name, extents; // "float", "tile", "[32][33]"
};

SharedDeclaration parse(const std::string &declaration, size_t line) {
  static const std::regex alignment(R"((__align__|alignas)\s*\([^)]*\))");
  static const std::regex form(
      R"(\s*([\w:<>,\s]*[\w>])\s+(\w+)\s*((?:\[[^\]]*\]\s*)*)\s*)");
  static const std::regex space(R"(\s+)");
  std::string plain = std::regex_replace(declaration, alignment, "");
  plain = std::regex_replace(plain, space, " ");
  std::smatch parts;
  require(std::regex_match(plain, parts, form),
          "the plan's CUDA text, line {}: cannot read the declaration "
          "'__shared__{};': the emulated device takes one name a declaration, "
          "without an initializer",
          line, declaration);
  return {parts[1], parts[2], parts[3]};
}

std::string rewritten(const SharedDeclaration &shared, bool dynamic) {
  if (dynamic)
    return fmt::format("{0} *{1} = static_cast<{0} *>("
                       "pfc::emulation::dynamicSharedArray(\"{1}\"));",
                       shared.type, shared.name);
  return fmt::format("static const char pfcKey_{1} = 0; {0} (&{1}){2} = "
                     "pfc::emulation::shared<{0}{2}>(&pfcKey_{1}, \"{1}\");",
                     shared.type, shared.name, shared.extents);
}

std::string withSharedArrays(const std::string &text) {
  static const std::regex start(R"((\bextern\s+)?\b__shared__\b)");
  std::string result;
  auto from = text.begin();
  std::smatch match;
  while (std::regex_search(from, text.end(), match, start)) {
    result.append(from, match[0].first);
    auto semicolon = std::find(match[0].second, text.end(), ';');
    auto line = 1 + std::count(text.begin(), match[0].first, '\n');
    std::string declaration(match[0].second, semicolon);
    result += rewritten(parse(declaration, static_cast<size_t>(line)),
                        match[1].matched);
    // A declaration over several lines keeps them.
    result.append(static_cast<size_t>(
                      std::count(declaration.begin(), declaration.end(), '\n')),
                  '\n');
    from = semicolon == text.end() ? semicolon : semicolon + 1;
  }
  return result.append(from, text.end());
}

std::string withoutCudaHeaders(const std::string &text) {
  static const std::regex include(
      R"(#\s*include\s*[<"](cuda_|cuda/|device_)[^>"]*[>"])");
  return std::regex_replace(text, include, "");
}

/// {"name", arity(name), call with as many pointers as the plan says}
std::string tableEntry(const KernelName &kernel) {
  std::string pointers;
  for (unsigned i = 0; i < kernel.arguments; ++i)
    pointers += fmt::format(", pointers[{}]", i);
  return fmt::format("  {{\"{0}\", pfc::emulation::arity(&{0}),\n   "
                     "[](void *const *pointers) {{ (void)pointers; "
                     "pfc::emulation::invoke(&{0}{1}); }}}},\n",
                     kernel.name, pointers);
}

} // namespace

std::string asHostCpp(const std::string &cuda) {
  return withSharedArrays(withoutCudaHeaders(withoutComments(cuda)));
}

std::string translationUnit(const std::string &cuda,
                            const std::vector<KernelName> &kernels) {
  std::string unit = emulationHeaders;
  unit += "#line 1 \"plan.cu\"\n" + asHostCpp(cuda);
  unit += "\n#line 1 \"table of kernels\"\n"
          "extern \"C\" const pfc::emulation::Kernel pfc_kernels[] = {\n";
  for (const KernelName &kernel : kernels)
    unit += tableEntry(kernel);
  return unit + "  {nullptr, 0, nullptr}};\n";
}

} // namespace pfc::rt::emulated
