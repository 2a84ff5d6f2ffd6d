// schema_generator BFBS NAME OUTPUT_FOLDER: writes NAME_messages.h, NAME_messages.cpp, NAME_pack.h
// and, when the schema has a service, NAME_rpc.h and NAME_rpc.cpp, and when that is offered over
// HTTP, NAME_openapi.h and NAME_openapi.cpp. Files whose content would not
// change are left alone.
#include <fmt/core.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "schemas/generator/emit.h"

namespace vectron::generator {

void refuse(const std::string& why) {
  fmt::print(stderr, "schema_generator: {}\n", why);
  std::exit(1);
}

namespace {

void write_file(const std::string& path, const std::string& content) {
  std::ofstream stream(path, std::ios::binary | std::ios::trunc);
  stream << content;
  stream.close();
  if (!stream) refuse("cannot write " + path);
}

int run(const std::string& bfbs, const std::string& name, const std::string& folder) {
  const Contract contract = load_contract(bfbs, name);
  const std::string stem = folder + "/" + name;
  write_file(stem + "_messages.h", emit_messages(contract));
  write_file(stem + "_fields.h", emit_fields(contract));
  write_file(stem + "_pack.h", emit_pack_header(contract));
  write_file(stem + "_messages.cpp", emit_codec(contract));
  if (contract.services.empty()) return 0;
  write_file(stem + "_rpc.h", emit_rpc_header(contract));
  write_file(stem + "_rpc.cpp", emit_rpc_source(contract));
  if (!has_http(contract)) return 0;
  write_file(stem + "_openapi.h", emit_openapi_header(contract));
  write_file(stem + "_openapi.cpp", emit_openapi_source(contract));
  return 0;
}

}  // namespace
}  // namespace vectron::generator

int main(int argc, char** argv) {
  if (argc != 4) vectron::generator::refuse("usage: schema_generator BFBS NAME OUTPUT_FOLDER");
  return vectron::generator::run(argv[1], argv[2], argv[3]);
}
