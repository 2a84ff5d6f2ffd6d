// One list of fields for each part of a plan, walked by a writer and by a strict reader.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "sim/plan/json.h"
#include "sim/plan/plan.h"

namespace vectron::sim {

namespace {

template <typename Enum>
struct EnumNames;
template <>
struct EnumNames<PlanIds> {
  static constexpr std::array<std::string_view, 3> kNames = {"number", "text", "both"};
};
template <>
struct EnumNames<PlanDistance> {
  static constexpr std::array<std::string_view, 3> kNames = {"cosine", "dot", "euclidean"};
};
template <>
struct EnumNames<FaultDirection> {
  static constexpr std::array<std::string_view, 3> kNames = {"both", "outgoing", "incoming"};
};
template <>
struct EnumNames<CrashMode> {
  static constexpr std::array<std::string_view, 4> kNames = {"process_kill", "power_loss",
                                                             "power_loss_in_commit", "stop"};
};
template <>
struct EnumNames<ConnectMode> {
  static constexpr std::array<std::string_view, 2> kNames = {"refuse", "hang"};
};
template <>
struct EnumNames<IoKind> {
  static constexpr std::array<std::string_view, 2> kNames = {"read", "write"};
};
template <>
struct EnumNames<RotKind> {
  static constexpr std::array<std::string_view, 6> kNames = {"log",        "store", "manifest",
                                                             "checkpoint", "pages", "missing"};
};
template <>
struct EnumNames<HostileKind> {
  static constexpr std::array<std::string_view, 4> kNames = {"unread", "slow", "crowd", "flood"};
};
template <>
struct EnumNames<HostileDoor> {
  static constexpr std::array<std::string_view, 2> kNames = {"rpc", "http"};
};
template <>
struct EnumNames<StepDirection> {
  static constexpr std::array<std::string_view, 2> kNames = {"forward", "backward"};
};

// The field lists. `fields.optional` leaves a default out when it writes.

template <typename Fields>
void walk(Fields& fields, PlanShape& shape) {
  fields.field("placement_nodes", shape.placement_nodes);
  fields.field("workers", shape.workers);
  fields.field("gateways", shape.gateways);
  fields.field("clients", shape.clients);
  fields.field("zones", shape.zones);
  fields.field("http_clients", shape.http_clients);
}

template <typename Fields>
void walk(Fields& fields, PlanKnobs& knobs) {
  fields.field("tick_ms", knobs.tick_ms);
  fields.field("heartbeat_ticks", knobs.heartbeat_ticks);
  fields.field("election_ticks", knobs.election_ticks);
  fields.field("append_bytes_max", knobs.append_bytes_max);
  fields.field("proposals_max", knobs.proposals_max);
  fields.field("log_entries_kept_max", knobs.log_entries_kept_max);
  fields.field("log_bytes_kept_max", knobs.log_bytes_kept_max);
  fields.field("snapshot_chunk_bytes_max", knobs.snapshot_chunk_bytes_max);
  fields.field("overlay_bytes_max", knobs.overlay_bytes_max);
  fields.field("flush_bytes_max", knobs.flush_bytes_max);
  fields.field("flush_bytes_min", knobs.flush_bytes_min);
  fields.field("flush_interval_ms", knobs.flush_interval_ms);
  fields.field("wal_segment_bytes", knobs.wal_segment_bytes);
  fields.field("wal_prefill_bytes", knobs.wal_prefill_bytes);
  fields.field("wal_reserve_bytes", knobs.wal_reserve_bytes);
  fields.field("index_batch_points", knobs.index_batch_points);
  fields.field("graph_points_min", knobs.graph_points_min);
  fields.field("http_inline_body_bytes", knobs.http_inline_body_bytes);
  fields.field("index_linger_ms", knobs.index_linger_ms);
  fields.field("upkeep_interval_ms", knobs.upkeep_interval_ms);
  fields.field("checkpoint_points", knobs.checkpoint_points);
  fields.field("checkpoint_pause_ms", knobs.checkpoint_pause_ms);
  fields.field("checkpoint_bytes_per_second", knobs.checkpoint_bytes_per_second);
  fields.field("rebuild_tombstones", knobs.rebuild_tombstones);
  fields.field("rebuild_tombstones_ppm", knobs.rebuild_tombstones_ppm);
  fields.field("rebuild_slice_points", knobs.rebuild_slice_points);
  fields.field("memory_bytes", knobs.memory_bytes);
  fields.field("heartbeat_ms", knobs.heartbeat_ms);
  fields.field("client_deadline_ms", knobs.client_deadline_ms);
}

template <typename Fields>
void walk(Fields& fields, PlanCollection& collection) {
  fields.field("name", collection.name);
  fields.field("dimension", collection.dimension);
  fields.field("distance", collection.distance);
  fields.field("shards", collection.shards);
  fields.field("replication", collection.replication);
  fields.field("ids", collection.ids);
  fields.field("keys", collection.keys);
  fields.field("m", collection.m);
  fields.field("ef_construction", collection.ef_construction);
  fields.field("ef_search", collection.ef_search);
  fields.optional("lifetime_ms", collection.lifetime_ms, PlanCollection().lifetime_ms);
}

template <typename Fields>
void walk(Fields& fields, PlanMix& mix) {
  fields.field("upsert", mix.upsert);
  fields.field("get", mix.get);
  fields.field("remove", mix.remove);
  fields.field("search", mix.search);
}

template <typename Fields>
void walk(Fields& fields, PlanSkip& skip) {
  fields.field("client", skip.client);
  fields.field("first", skip.first);
  fields.field("count", skip.count);
}

template <typename Fields>
void walk(Fields& fields, PlanWorkload& workload) {
  fields.field("collections", workload.collections);
  fields.field("mix", workload.mix);
  fields.field("batch_points_max", workload.batch_points_max);
  fields.field("operations_per_second", workload.operations_per_second);
  fields.field("duration_ms", workload.duration_ms);
  fields.field("exact_search_ppm", workload.exact_search_ppm);
  fields.field("eventual_read_ppm", workload.eventual_read_ppm);
  fields.field("hot_key_ppm", workload.hot_key_ppm);
  fields.optional("skipped", workload.skipped, {});
  fields.optional("request_id_ppm", workload.request_id_ppm, PlanWorkload().request_id_ppm);
  fields.optional("partial_search_ppm", workload.partial_search_ppm,
                  PlanWorkload().partial_search_ppm);
}

template <typename Fields>
void walk(Fields& fields, PlanIntensities& intensities) {
  fields.field("delay_base_us_max", intensities.delay_base_us_max);
  fields.field("delay_tail_us_max", intensities.delay_tail_us_max);
  fields.field("delay_tail_ppm", intensities.delay_tail_ppm);
  fields.field("reset_ppm", intensities.reset_ppm);
  fields.field("half_open_ppm", intensities.half_open_ppm);
  fields.field("short_io_ppm", intensities.short_io_ppm);
  fields.field("stall_ppm", intensities.stall_ppm);
  fields.field("stall_us_max", intensities.stall_us_max);
  fields.field("refuse_ppm", intensities.refuse_ppm);
  fields.field("hang_ppm", intensities.hang_ppm);
  fields.field("message_lose_ppm", intensities.message_lose_ppm);
  fields.field("message_repeat_ppm", intensities.message_repeat_ppm);
  fields.field("message_overtake_ppm", intensities.message_overtake_ppm);
  fields.field("forged_per_second", intensities.forged_per_second);
  fields.field("clock_offset_ms_max", intensities.clock_offset_ms_max);
  fields.field("clock_drift_ppm_max", intensities.clock_drift_ppm_max);
  fields.field("buggify_point_ppm", intensities.buggify_point_ppm);
  fields.field("buggify_fire_ppm", intensities.buggify_fire_ppm);
}

template <typename Fields>
void walk(Fields& fields, PlanLoadedInterval& loaded) {
  fields.field("from_ms", loaded.from_ms);
  fields.field("to_ms", loaded.to_ms);
}

template <typename Fields>
void walk(Fields& fields, PlannedFault& fault) {
  const PlannedFault defaults;
  fields.field("id", fault.id);
  fields.field("class", fault.fault_class);
  fields.field("at_ms", fault.at_ms);
  fields.field("duration_ms", fault.duration_ms);
  fields.field("target", fault.target);
  fields.optional("peer", fault.peer, defaults.peer);
  fields.optional("direction", fault.direction, defaults.direction);
  fields.optional("mode", fault.mode, defaults.mode);
  fields.optional("rounds", fault.rounds, defaults.rounds);
  fields.optional("commit_call", fault.commit_call, defaults.commit_call);
  fields.optional("again_ms", fault.again_ms, defaults.again_ms);
  fields.optional("grace_ms", fault.grace_ms, defaults.grace_ms);
  fields.optional("connect", fault.connect, defaults.connect);
  fields.optional("io", fault.io, defaults.io);
  fields.optional("calls", fault.calls, defaults.calls);
  fields.optional("rot", fault.rot, defaults.rot);
  fields.optional("factor", fault.factor, defaults.factor);
  fields.optional("step_ms", fault.step_ms, defaults.step_ms);
  fields.optional("step", fault.step, defaults.step);
  fields.optional("hostile", fault.hostile, defaults.hostile);
  fields.optional("door", fault.door, defaults.door);
  fields.optional("connections", fault.connections, defaults.connections);
}

template <typename Fields>
void walk(Fields& fields, Plan& plan) {
  fields.field("format_version", plan.format_version);
  fields.field("seed", plan.seed);
  fields.field("profile", plan.profile);
  fields.field("shape", plan.shape);
  fields.field("knobs", plan.knobs);
  fields.field("workload", plan.workload);
  fields.field("intensities", plan.intensities);
  fields.field("lost_unsynced", plan.lost_unsynced);
  fields.field("torn_writes", plan.torn_writes);
  fields.field("faults", plan.faults);
  fields.field("planted", plan.planted);
  fields.field("loaded", plan.loaded);
  fields.field("switched_on", plan.switched_on);
}

/// A struct with a field list of its own.
template <typename T>
concept IsPart = std::is_class_v<T> && !std::is_same_v<T, std::string>;

class FieldWriter {
 public:
  template <typename T>
  void field(const char* name, T& value) {
    object_.emplace_back(name, to_json(value));
  }
  template <typename T>
  void optional(const char* name, T& value, const T& fallback) {
    if (value != fallback) field(name, value);
  }
  JsonObject take() { return std::move(object_); }

 private:
  static Json to_json(const std::string& value) { return Json(value); }
  static Json to_json(uint32_t value) { return Json(value); }
  static Json to_json(uint64_t value) { return Json(value); }
  static Json to_json(bool value) { return Json(value); }
  static Json to_json(FaultClass value) { return Json(fault_class_name(value)); }
  template <typename T>
    requires std::is_enum_v<T>
  static Json to_json(T value) {
    return Json(EnumNames<T>::kNames.at(static_cast<size_t>(value)));
  }
  template <typename T>
  static Json to_json(std::vector<T>& values) {
    JsonArray items;
    for (T& value : values) items.push_back(to_json(value));
    return Json(std::move(items));
  }
  template <typename T>
    requires IsPart<T>
  static Json to_json(T& part) {
    FieldWriter writer;
    walk(writer, part);
    return Json(writer.take());
  }

  JsonObject object_;
};

/// Reads the members of one object; remembers the first error. `path` names the object in messages.
class FieldReader {
 public:
  FieldReader(const Json& json, std::string path) : path_(std::move(path)) {
    object_ = json.as<JsonObject>();
    if (object_ == nullptr) set_error(path_, "must be an object");
  }

  template <typename T>
  void field(const char* name, T& value) {
    if (!read_member(name, value) && !missing_is_default_) set_error(path_of(name), "is missing");
  }
  template <typename T>
  void optional(const char* name, T& value, const T& fallback) {
    if (!read_member(name, value)) value = fallback;
  }

  /// Every member must have been asked for.
  Result<void> finish() {
    if (object_ != nullptr) {
      for (const JsonMember& member : *object_) {
        if (std::ranges::find(known_, member.first) == known_.end()) {
          set_error(path_of(member.first), "is not a field that plans have");
        }
      }
    }
    if (error_.ok()) return {};
    return fail(error_);
  }

 private:
  template <typename T>
  bool read_member(const char* name, T& value) {
    known_.emplace_back(name);
    if (object_ == nullptr) return true;
    const auto member = std::ranges::find(*object_, name, &JsonMember::first);
    if (member == object_->end()) return false;
    read(path_of(name), member->second, value);
    return true;
  }

  void read(const std::string& path, const Json& json, std::string& value) {
    const std::string* text = json.as<std::string>();
    if (text == nullptr) return set_error(path, "must be a string");
    value = *text;
  }
  void read(const std::string& path, const Json& json, bool& value) {
    const bool* flag = json.as<bool>();
    if (flag == nullptr) return set_error(path, "must be true or false");
    value = *flag;
  }
  template <typename T>
    requires std::is_unsigned_v<T>
  void read(const std::string& path, const Json& json, T& value) {
    const uint64_t* number = json.as<uint64_t>();
    if (number == nullptr || *number > std::numeric_limits<T>::max()) {
      return set_error(path, "must be a whole number that is not negative");
    }
    value = static_cast<T>(*number);
  }
  void read(const std::string& path, const Json& json, FaultClass& value) {
    const std::string* text = json.as<std::string>();
    const auto named = text == nullptr ? std::nullopt : fault_class_named(*text);
    if (!named.has_value()) return set_error(path, "must name a fault class");
    value = *named;
  }
  template <typename T>
    requires std::is_enum_v<T>
  void read(const std::string& path, const Json& json, T& value) {
    const std::string* text = json.as<std::string>();
    const auto& names = EnumNames<T>::kNames;
    const auto found = text == nullptr ? names.end() : std::ranges::find(names, *text);
    if (found == names.end()) {
      return set_error(path, fmt::format("must be one of {}", fmt::join(names, ", ")));
    }
    value = static_cast<T>(found - names.begin());
  }
  template <typename T>
  void read(const std::string& path, const Json& json, std::vector<T>& values) {
    const JsonArray* items = json.as<JsonArray>();
    if (items == nullptr) return set_error(path, "must be an array");
    values.clear();
    for (size_t i = 0; i < items->size(); ++i) {
      T value{};
      read(fmt::format("{}[{}]", path, i), (*items)[i], value);
      values.push_back(std::move(value));
    }
  }
  template <typename T>
    requires IsPart<T>
  void read(const std::string& path, const Json& json, T& part) {
    FieldReader reader(json, path);
    // Plans are kept for long: a knob or an intensity that came later has its default in them.
    reader.missing_is_default_ = std::is_same_v<T, PlanKnobs> || std::is_same_v<T, PlanIntensities>;
    walk(reader, part);
    const Result<void> result = reader.finish();
    if (!result.has_value() && error_.ok()) error_ = result.error();
  }

  std::string path_of(std::string_view name) const {
    return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
  }
  void set_error(const std::string& path, std::string_view what) {
    if (!error_.ok()) return;
    const std::string& shown = path.empty() ? std::string("the document") : path;
    error_ = Status(Code::invalid_argument, fmt::format("plan: {} {}", shown, what), path);
  }

  const JsonObject* object_ = nullptr;
  bool missing_is_default_ = false;
  std::string path_;
  std::vector<std::string> known_;
  Status error_;
};

}  // namespace

std::string plan_to_json(const Plan& plan) {
  Plan copy = plan;  // The field lists are shared with the reader, which needs to write.
  FieldWriter writer;
  walk(writer, copy);
  return Json(writer.take()).pretty() + "\n";
}

Result<Plan> parse_plan(std::string_view text) {
  VECTRON_TRY(const Json json, parse_json(text));
  Plan plan;
  FieldReader reader(json, "");
  walk(reader, plan);
  VECTRON_CHECK_OK(reader.finish());
  VECTRON_CHECK_OK(plan.validate());
  return plan;
}

}  // namespace vectron::sim
