#include "tests/style/sources.h"

#include <algorithm>
#include <fstream>
#include <regex>

namespace vectron::style {

bool starts_with_any(const std::string& text, const std::vector<std::string>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const std::string& prefix) { return text.starts_with(prefix); });
}

std::vector<SourceLine> lines_under(const std::vector<std::string>& folders) {
  std::vector<fs::path> files;
  const fs::path root = VECTRON_SOURCE_DIR;
  for (const std::string& folder : folders) {
    if (!fs::exists(root / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      const std::string extension = entry.path().extension();
      if (extension == ".h" || extension == ".cpp" || extension == ".def") files.push_back(entry);
    }
  }
  std::sort(files.begin(), files.end());
  std::vector<SourceLine> lines;
  for (const fs::path& file : files) {
    std::ifstream in(file);
    std::string text;
    for (int number = 1; std::getline(in, text); ++number) {
      lines.push_back({fs::relative(file, root), number, text});
    }
  }
  return lines;
}

std::string text_of(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string without_literals(const std::string& text) {
  std::string blank = text;
  bool inside = false;
  for (size_t at = 0; at < text.size(); ++at) {
    if (!inside && text.compare(at, 2, "//") == 0) break;
    if (text[at] == '"' && (at == 0 || text[at - 1] != '\'')) {
      inside = !inside;
    } else if (inside) {
      const bool escapes = text[at] == '\\' && at + 1 < text.size();
      blank[at] = ' ';
      if (escapes) blank[++at] = ' ';
    }
  }
  return blank;
}

std::string code_of(const std::string& text) {
  const std::string code = without_literals(text);
  const size_t comment = code.find("//");
  return comment == std::string::npos ? code : code.substr(0, comment);
}

std::optional<std::string> included_path(const std::string& text) {
  static const std::regex include(R"(^\s*#\s*include\s*[<"]([^>"]+)[>"])");
  std::smatch match;
  if (!std::regex_search(text, match, include)) return std::nullopt;
  return match[1].str();
}

std::string finding(const SourceLine& line, const std::string& why) {
  return line.file + ":" + std::to_string(line.number) + ": " + why + "\n    " + line.text + "\n";
}

}  // namespace vectron::style
