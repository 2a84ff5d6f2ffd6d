// The project's sources as lines, for tests of style.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace vectron::style {

namespace fs = std::filesystem;

struct SourceLine {
  /// Relative to the root of the sources.
  std::string file;
  int number = 0;
  std::string text;
};

bool starts_with_any(const std::string& text, const std::vector<std::string>& prefixes);

/// Reads all .h, .cpp and .def files below `folders`, sorted by path. Folders that do not exist
/// have none.
std::vector<SourceLine> lines_under(const std::vector<std::string>& folders);

/// What a file holds; nothing where there is none.
std::string text_of(const fs::path& file);

/// Blanks out what stands in string literals that begin and end on the line; the length stays.
std::string without_literals(const std::string& text);

/// Cuts comments and what stands in string literals.
std::string code_of(const std::string& text);

std::optional<std::string> included_path(const std::string& text);

/// Says where a finding is, and why it is one.
std::string finding(const SourceLine& line, const std::string& why);

}  // namespace vectron::style
