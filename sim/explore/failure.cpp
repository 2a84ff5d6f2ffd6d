#include "sim/explore/failure.h"

#include "core/base/assert.h"
#include "sim/explore/report_json.h"

namespace vectron::sim {

namespace {

constexpr uint64_t kFailureFormatVersion = 1;
constexpr size_t kCrashKindBytesMax = 160;

std::string_view last_line_with(std::string_view text, std::string_view mark) {
  const size_t at = text.rfind(mark);
  if (at == std::string_view::npos) return {};
  const size_t before = text.rfind('\n', at);
  const size_t begin = before == std::string_view::npos ? 0 : before + 1;
  return text.substr(begin, text.find('\n', at) - begin);
}

Result<std::string> text_of(const Json& object, std::string_view name) {
  const Json* member = object.find(name);
  const std::string* text = member == nullptr ? nullptr : member->as<std::string>();
  if (text != nullptr) return *text;
  return fail(Code::invalid_argument, fmt::format("failure file: {} must be a string", name),
              std::string(name));
}

Result<uint64_t> number_of(const Json& object, std::string_view name) {
  const Json* member = object.find(name);
  const uint64_t* number = member == nullptr ? nullptr : member->as<uint64_t>();
  if (number != nullptr) return *number;
  return fail(Code::invalid_argument, fmt::format("failure file: {} must be a number", name),
              std::string(name));
}

}  // namespace

std::string FailureClass::name() const {
  return kind.empty() ? oracle : fmt::format("{}/{}", oracle, kind);
}

std::string trace_text(const TraceHash& trace) {
  return fmt::format("{:016x}{:016x}", trace.high(), trace.low());
}

std::string crash_kind(std::string_view error_tail) {
  constexpr std::string_view kAssertion = ": assertion failed: ";
  constexpr std::string_view kSanitizer = "Sanitizer: ";
  std::string_view line = last_line_with(error_tail, kAssertion);
  if (!line.empty()) {
    // "FILE:LINE: assertion failed: CONDITION: what it said": the line may move, the words change.
    const size_t mark = line.find(kAssertion);
    const std::string_view file = line.substr(0, line.rfind(':', mark - 1));
    std::string_view condition = line.substr(mark + kAssertion.size());
    condition = condition.substr(0, condition.find(": "));
    return fmt::format("{}: {}", file, condition.substr(0, kCrashKindBytesMax));
  }
  line = last_line_with(error_tail, kSanitizer);
  if (line.empty()) return {};
  line.remove_prefix(line.find(kSanitizer) + kSanitizer.size());
  return std::string(line.substr(0, line.find(' ')));
}

std::optional<Failure> failure_of(const RunReport& report) {
  if (report.passed()) return std::nullopt;
  const Violation& first = report.violations.front();
  return Failure{.failure_class = {first.oracle, first.kind},
                 .at = first.at,
                 .text = first.text,
                 .trace = trace_text(report.trace)};
}

std::optional<Failure> failure_of(const ChildResult& result) {
  if (result.kind == ChildResult::Kind::answered) {
    const auto json = parse_json(result.answer);
    VECTRON_ASSERT(json.has_value(), "a child's answer: {}", json.error().to_string());
    const auto report = report_from_json(*json);
    VECTRON_ASSERT(report.has_value(), "a child's answer: {}", report.error().to_string());
    auto failure = failure_of(*report);
    // A report that was read back knows its numbers alone; the trace stands beside them.
    if (failure.has_value()) failure->trace = *json->find("trace")->as<std::string>();
    return failure;
  }
  const bool hung = result.kind == ChildResult::Kind::hung;
  Failure failure;
  failure.failure_class.oracle = hung ? oracle::kHang : oracle::kCrash;
  if (!hung) failure.failure_class.kind = crash_kind(result.error_tail);
  failure.text = result.error_tail;
  return failure;
}

std::string failure_file_text(const Plan& plan, const Failure& failure) {
  auto plan_json = parse_json(plan_to_json(plan));
  VECTRON_ASSERT(plan_json.has_value(), "{}", plan_json.error().to_string());
  JsonObject out = {{"failure_format_version", kFailureFormatVersion},
                    {"oracle", failure.failure_class.oracle},
                    {"kind", failure.failure_class.kind},
                    {"at_ns", Json(failure.at.time_since_epoch().count())},
                    {"text", failure.text},
                    {"trace", failure.trace},
                    {"plan", *std::move(plan_json)}};
  return Json(std::move(out)).pretty() + "\n";
}

Result<FailureFile> parse_failure_file(std::string_view text) {
  VECTRON_TRY(const Json json, parse_json(text));
  const Json* plan = json.find("plan");
  FailureFile file;
  if (plan == nullptr) {
    VECTRON_TRY(file.plan, parse_plan(text));
    return file;
  }
  VECTRON_TRY(const uint64_t version, number_of(json, "failure_format_version"));
  if (version != kFailureFormatVersion) {
    return fail(Code::invalid_argument,
                fmt::format("failure file: format {} is not known here (only {})", version,
                            kFailureFormatVersion),
                "failure_format_version");
  }
  Failure failure;
  VECTRON_TRY(failure.failure_class.oracle, text_of(json, "oracle"));
  VECTRON_TRY(failure.failure_class.kind, text_of(json, "kind"));
  VECTRON_TRY(failure.text, text_of(json, "text"));
  VECTRON_TRY(failure.trace, text_of(json, "trace"));
  VECTRON_TRY(const uint64_t at, number_of(json, "at_ns"));
  failure.at = Instant(Duration(static_cast<int64_t>(at)));
  file.failure = std::move(failure);
  VECTRON_TRY(file.plan, parse_plan(plan->compact()));
  return file;
}

}  // namespace vectron::sim
