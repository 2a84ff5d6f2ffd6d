#include "services/daemon/option_pairs.h"

#include <fmt/format.h>

#include <array>

#include "services/daemon/options/values.h"
#include "services/worker/stored_check.h"

namespace vectron {
namespace {

/// What an entry holds besides the points of a piece as a gateway counts them, at most: of as many
/// points as there may be.
constexpr uint64_t kEntryOverheadBytesMax = 32 << 10;

enum class Unit : uint8_t { none, bytes };

/// `larger` is at least `times` as much as `smaller`.
struct Pair {
  std::string_view smaller;
  uint64_t smaller_value;
  std::string_view larger;
  uint64_t larger_value;
  uint64_t times = 1;
  Unit unit = Unit::none;
};

uint64_t milliseconds_of(Duration time) {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

std::string show(uint64_t value, Unit unit) {
  return unit == Unit::bytes ? options::show_bytes(value) : fmt::format("{}", value);
}

Result<void> check(const Pair& pair) {
  if (pair.larger_value / pair.times >= pair.smaller_value) return {};
  return fail(
      Code::invalid_argument,
      fmt::format("{} is {}, and {} is {}: the latter must be at least {}the former; raise "
                  "it, or lower {}",
                  pair.smaller, show(pair.smaller_value, pair.unit), pair.larger,
                  show(pair.larger_value, pair.unit),
                  pair.times == 1 ? "" : fmt::format("{} times ", pair.times), pair.smaller),
      std::string(pair.smaller));
}

// An entry is stored by one commit, with something added for every operation.
Result<void> check_operations(const Settings& settings) {
  const uint64_t batch_bytes = settings.replica.kv.batch_bytes_max;
  const uint64_t operations_max =
      (batch_bytes - settings.worker.write_bytes_max * 2) / kStoredOverheadBytesMax;
  if (settings.worker.write_operations_max <= operations_max) return {};
  return fail(Code::invalid_argument,
              fmt::format("entry_operations_max is {}, and kv_batch_bytes_max is {}: with "
                          "entry_bytes_max at {} there is room for {} operations; raise "
                          "kv_batch_bytes_max, or lower entry_operations_max",
                          settings.worker.write_operations_max, options::show_bytes(batch_bytes),
                          options::show_bytes(settings.worker.write_bytes_max), operations_max),
              "entry_operations_max");
}

// A worker takes what a gateway sends of one upsert in one entry, which holds more than the points.
Result<void> check_pieces(const Settings& settings) {
  const uint64_t piece = settings.gateway.write_bytes_max;
  const uint64_t entry = settings.worker.write_bytes_max;
  if (entry >= piece + kEntryOverheadBytesMax) return {};
  return fail(Code::invalid_argument,
              fmt::format("write_bytes_max is {}, and entry_bytes_max is {}: the latter must be at "
                          "least {} more than the former; raise it, or lower write_bytes_max",
                          options::show_bytes(piece), options::show_bytes(entry),
                          options::show_bytes(kEntryOverheadBytesMax)),
              "write_bytes_max");
}

}  // namespace

Result<void> check_pairs_of_roles(const Settings& settings) {
  VECTRON_CHECK_OK(check_pieces(settings));
  return check({"write_points_max", settings.gateway.write_points_max, "entry_operations_max",
                settings.worker.write_operations_max});
}

Result<void> check_option_pairs(const Settings& settings) {
  const GatewayConfig& gateway = settings.gateway;
  const ReplicaConfig& replica = settings.replica;
  const uint64_t batch_bytes_max = replica.kv.batch_bytes_max;
  const std::array<Pair, 9> pairs = {{
      {"request_timeout_ms", milliseconds_of(settings.request_timeout), "request_timeout_ms_max",
       milliseconds_of(gateway.request_timeout_max)},
      {"backoff_ms_min", milliseconds_of(gateway.backoff_min), "backoff_ms_max",
       milliseconds_of(gateway.backoff_max)},
      {"write_bytes_max", gateway.write_bytes_max, "frame_bytes_max", gateway.frame_bytes_max, 1,
       Unit::bytes},
      {"heartbeat_ticks", replica.heartbeat_ticks, "election_ticks", replica.election_ticks, 2},
      {"flush_bytes_min", replica.overlay.flush_bytes_min, "overlay_bytes_max",
       replica.overlay.overlay_bytes_max, 1, Unit::bytes},
      {"flush_bytes_max", replica.overlay.flush_bytes_max, "kv_batch_bytes_max", batch_bytes_max, 1,
       Unit::bytes},
      {"snapshot_chunk_bytes_max", replica.snapshot_chunk_bytes_max, "kv_batch_bytes_max",
       batch_bytes_max, 2, Unit::bytes},
      {"entry_bytes_max", settings.worker.write_bytes_max, "kv_batch_bytes_max", batch_bytes_max, 2,
       Unit::bytes},
      {"wal_segment_bytes_max", settings.wal.segment_bytes_max, "wal_retention_bytes_max",
       settings.wal.retention_bytes_max, 2, Unit::bytes},
  }};
  for (const Pair& pair : pairs) VECTRON_CHECK_OK(check(pair));
  return check_operations(settings);
}

}  // namespace vectron
