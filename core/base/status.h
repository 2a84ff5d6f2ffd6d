// Status: why an operation did not succeed, in words that a caller can act on.
//
// The codes are gRPC's canonical ones plus `unknown_outcome`. A new code is added only when some
// caller would react to it; everything else is told in the message.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/bytes.h"

namespace vectron {

/// What went wrong, by the reaction it calls for. The numbers are part of the wire format.
enum class Code : uint8_t {
  ok = 0,
  /// The caller gave up. The operation may or may not have happened.
  cancelled = 1,
  /// A peer answered with a code that this version does not know.
  unknown = 2,
  /// The request is wrong whatever the state: correct it. Did not happen.
  invalid_argument = 3,
  /// Time ran out before the operation began. Did not happen; retry.
  deadline_exceeded = 4,
  /// The named thing does not exist.
  not_found = 5,
  /// The thing to be created exists.
  already_exists = 6,
  /// The caller is known and may not do this.
  permission_denied = 7,
  /// A bound is reached (queue, memory, size). Did not happen; retry later.
  resource_exhausted = 8,
  /// The state forbids it (stale epoch, wrong cluster): refresh, then retry.
  failed_precondition = 9,
  /// Lost a race and did not happen; retry.
  aborted = 10,
  /// Past the end of something (a compacted log index).
  out_of_range = 11,
  /// This server does not know the method.
  unimplemented = 12,
  /// An invariant of ours is broken.
  internal = 13,
  /// Not now, or not here (not the leader, no connection). Did not happen; retry.
  unavailable = 14,
  /// Stored bytes are damaged or gone.
  data_loss = 15,
  /// The caller is not known.
  unauthenticated = 16,
  /// The write may or may not have happened: read before writing again.
  unknown_outcome = 17,
};

inline constexpr uint8_t kCodeCount = 18;

/// The code's name as it stands in logs and JSON, for example "not_found".
std::string_view code_name(Code code);

/// The HTTP status that says the same as `code`.
int http_status(Code code);

/// A value: a code, a message for the client that says what to do, and optionally the field at
/// fault. Success takes a pointer and no memory, for nearly every call of the system carries one.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string message, std::string field = {})
      : what_(std::make_unique<What>(
            What{.code = code, .message = std::move(message), .field = std::move(field)})) {}
  Status(const Status& other) { *this = other; }
  Status& operator=(const Status& other);
  Status(Status&&) noexcept = default;
  Status& operator=(Status&&) noexcept = default;
  ~Status() = default;

  Code code() const { return what().code; }
  bool ok() const { return what_ == nullptr || what_->code == Code::ok; }
  const std::string& message() const { return what().message; }
  /// The request field at fault, as a path ("points[3].vector"); empty where no single field is.
  const std::string& field() const { return what().field; }
  /// An encoded message for the caller's program (where to ask instead); travels with the status,
  /// shown to nobody.
  const Bytes& detail() const { return what().detail; }

  /// Returns this status with `detail` in the place of its own.
  Status with_detail(Bytes detail) const;
  /// Returns this status with `context` before its message.
  Status with_context(std::string_view context) const;
  std::string to_string() const;

  bool operator==(const Status& other) const { return what() == other.what(); }

 private:
  struct What {
    Code code = Code::ok;
    std::string message;
    std::string field;
    Bytes detail;
    bool operator==(const What&) const = default;
  };
  static const What kSuccess;
  const What& what() const { return what_ == nullptr ? kSuccess : *what_; }
  /// The status' content, to be changed.
  What& own();

  /// Null: success.
  std::unique_ptr<What> what_;
};

/// True when an operation that ended with `code` certainly had no effect, so that it can be sent
/// again.
bool certainly_not_done(Code code);

}  // namespace vectron
