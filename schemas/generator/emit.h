// What the generator writes for a Contract: messages, their codec, and RPC stubs. Each function
// returns a whole file.
#pragma once

#include <string>

#include "schemas/generator/contract.h"

namespace vectron::generator {

/// `<file>_messages.h`: plain structs, and the declarations of encode and decode.
std::string emit_messages(const Contract& contract);

/// `<file>_fields.h`: the names of fields and enumerators.
std::string emit_fields(const Contract& contract);

/// `<file>_pack.h`: how tables become FlatBuffers and back; included by codec sources only.
std::string emit_pack_header(const Contract& contract);
/// `<file>_messages.cpp`: the definitions of both headers above.
std::string emit_codec(const Contract& contract);

/// `<file>_rpc.h` and its source: clients, handlers and method tables. Requires: the contract has a
/// service.
std::string emit_rpc_header(const Contract& contract);
std::string emit_rpc_source(const Contract& contract);

/// Whether any method has an `http` attribute.
bool has_http(const Contract& contract);
/// `<file>_openapi.h` and its source: the methods with an `http` attribute as an OpenAPI document.
/// Requires: has_http(contract).
std::string emit_openapi_header(const Contract& contract);
std::string emit_openapi_source(const Contract& contract);

/// The comment and #pragma at the top of a generated file.
std::string file_head(const Contract& contract, const std::string& what, bool header);
/// `docs` as /// lines under `indent`, wrapped at 100 columns.
std::string doc_lines(const std::vector<std::string>& docs, const std::string& indent);

}  // namespace vectron::generator
