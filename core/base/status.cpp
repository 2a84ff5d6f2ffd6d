#include "core/base/status.h"

#include <fmt/core.h>

#include <array>

namespace vectron {
namespace {

struct CodeRow {
  std::string_view name;
  int http_status;
  bool certainly_not_done;
};

constexpr std::array<CodeRow, kCodeCount> kCodes = {{
    {"ok", 200, false},
    {"cancelled", 499, false},
    {"unknown", 500, false},
    {"invalid_argument", 400, true},
    {"deadline_exceeded", 504, true},
    {"not_found", 404, true},
    {"already_exists", 409, true},
    {"permission_denied", 403, true},
    {"resource_exhausted", 429, true},
    {"failed_precondition", 412, true},
    {"aborted", 409, true},
    {"out_of_range", 400, true},
    {"unimplemented", 501, true},
    {"internal", 500, false},
    {"unavailable", 503, true},
    {"data_loss", 500, false},
    {"unauthenticated", 401, true},
    {"unknown_outcome", 504, false},
}};

const CodeRow& row(Code code) {
  const auto index = static_cast<size_t>(code);
  return kCodes[index < kCodes.size() ? index : static_cast<size_t>(Code::unknown)];
}

}  // namespace

std::string_view code_name(Code code) {
  return row(code).name;
}

int http_status(Code code) {
  return row(code).http_status;
}

bool certainly_not_done(Code code) {
  return row(code).certainly_not_done;
}

const Status::What Status::kSuccess;

Status& Status::operator=(const Status& other) {
  if (this != &other) what_ = other.what_ ? std::make_unique<What>(*other.what_) : nullptr;
  return *this;
}

Status::What& Status::own() {
  if (what_ == nullptr) what_ = std::make_unique<What>();
  return *what_;
}

Status Status::with_detail(Bytes detail) const {
  Status result = *this;
  result.own().detail = std::move(detail);
  return result;
}

Status Status::with_context(std::string_view context) const {
  Status result = *this;
  result.own().message = fmt::format("{}: {}", context, message());
  return result;
}

std::string Status::to_string() const {
  if (ok()) return "ok";
  if (field().empty()) return fmt::format("{}: {}", code_name(code()), message());
  return fmt::format("{}: {} (field {})", code_name(code()), message(), field());
}

}  // namespace vectron
