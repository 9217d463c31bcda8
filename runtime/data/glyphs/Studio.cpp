#include "runtime/data/glyphs/Studio.h"

namespace pfc::rt::data::glyphs {

Studio::Studio(const Typefaces &typefaces,
               const std::vector<Identity> &identities, ImageShape shape,
               uint64_t seed, int threads)
    : typefaces(typefaces), identities(identities), seed(seed) {
  for (int i = 0; i < threads; ++i)
    renderers.push_back(std::make_unique<Renderer>(typefaces, shape));
}

std::span<const uint8_t> Studio::take(int thread, const Shot &shot,
                                      uint32_t set, int64_t number) {
  const Identity &identity = identities[shot.identity];
  Random random(seed + set,
                identityNumber(typefaces, identity) ^
                    static_cast<uint32_t>(number >> 16) << 24,
                hashOf(typefaces.designs()[shot.design].name),
                static_cast<uint32_t>(number & 0xffff));
  std::vector<int> faces = typefaces.facesFor(shot.design, identity);
  GlyphText text{pick(faces, random), identity};
  std::span<const uint8_t> pixels = renderers[thread]->draw(text, random);
  require(!pixels.empty(), "{}: {} is blank although it was not before",
          typefaces.faces()[text.face].face.path,
          identityText(typefaces, identity));
  return pixels;
}

} // namespace pfc::rt::data::glyphs
