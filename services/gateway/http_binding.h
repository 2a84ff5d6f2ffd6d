// The parts of a request that stand in its path and query, put into the fields of its message.
#pragma once

#include <optional>
#include <string_view>

#include "core/base/result.h"
#include "core/base/time.h"
#include "core/http/message.h"
#include "schemas/vectron_messages.h"

namespace vectron::gateway {

/// Whether the digits in a path are a number or a text.
enum class IdType : uint8_t { automatic, number, text };

/// The point id that a path names: all digits are a number, everything else is a text, unless
/// `type` says which. Errors: invalid_argument (digits that are no 64-bit number in its plain form,
/// bytes that are not UTF-8).
Result<api::PointId> point_id_from_text(std::string_view text, IdType type);

/// What may stand in the query of every request.
struct RequestOptions {
  /// `timeout_ms`, or the field X-Request-Timeout-Ms.
  std::optional<Duration> timeout;
  IdType id_type = IdType::automatic;
};

/// Errors: invalid_argument.
Result<RequestOptions> request_options(const http::Request& request);

/// Sets the fields of `message` that the path's parameters name and, where `query_fields`, those
/// that the query names. Errors: invalid_argument with the field (no such field, not one that a
/// query can say, a value that does not fit, twice).
template <typename Message>
Result<void> bind_fields(const http::Request& request, const RequestOptions& options,
                         bool query_fields, Message* message);

}  // namespace vectron::gateway
