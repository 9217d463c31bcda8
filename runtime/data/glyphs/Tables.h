//===- Tables.h - The compiled-in tables ------------------------*- C++ -*-===//
#ifndef PFC_RUNTIME_DATA_GLYPHS_TABLES_H
#define PFC_RUNTIME_DATA_GLYPHS_TABLES_H

namespace pfc::rt::data::glyphs {

extern const char *const designsTsv;    ///< designs.tsv
extern const char *const confusableTsv; ///< confusable.tsv

} // namespace pfc::rt::data::glyphs

#endif // PFC_RUNTIME_DATA_GLYPHS_TABLES_H
