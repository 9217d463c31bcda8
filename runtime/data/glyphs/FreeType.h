//===- FreeType.h - Owning handles ------------------------------*- C++ -*-===//
#ifndef PFC_RUNTIME_DATA_GLYPHS_FREETYPE_H
#define PFC_RUNTIME_DATA_GLYPHS_FREETYPE_H

#include "runtime/base/Error.h"
#include "runtime/data/glyphs/Designs.h"

#include <ft2build.h>
#include FT_FREETYPE_H

#include <memory>
#include <type_traits>

namespace pfc::rt::data::glyphs {

/// FreeType itself; one a thread.
class FreeType {
public:
  FreeType() {
    require(FT_Init_FreeType(&library) == 0, "FreeType does not start");
  }
  ~FreeType() { FT_Done_FreeType(library); }
  FreeType(const FreeType &) = delete;
  operator FT_Library() const { return library; }

private:
  FT_Library library;
};

struct FaceCloser {
  void operator()(FT_Face face) const { FT_Done_Face(face); }
};
using FaceHandle = std::unique_ptr<std::remove_pointer_t<FT_Face>, FaceCloser>;

inline FaceHandle openFace(FT_Library library, const Face &face) {
  FT_Face handle;
  FT_Error error = FT_New_Face(library, face.path.c_str(), face.index, &handle);
  require(error == 0,
          "{}: FreeType cannot open face {} (error {}); reinstall "
          "the package {}",
          face.path, face.index, error, face.package);
  return FaceHandle(handle);
}

} // namespace pfc::rt::data::glyphs

#endif // PFC_RUNTIME_DATA_GLYPHS_FREETYPE_H
