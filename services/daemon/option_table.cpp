// The table of options. A row: name, who takes it, what it means, which field it is and what fits.
#include <algorithm>

#include "net/log_sink.h"
#include "services/daemon/option_values.h"

namespace vectron {
namespace {

using options::at;
using options::bytes;
using options::count;
using options::milliseconds;

constexpr RoleSet kUp = only(Role::up);
constexpr RoleSet kPlacement = only(ServiceId::placement);
constexpr RoleSet kWorker = only(ServiceId::worker);
constexpr RoleSet kGateway = only(ServiceId::gateway);
constexpr RoleSet kServed = kPlacement | kWorker | kGateway;
constexpr RoleSet kAll = kUp | kServed;
constexpr RoleSet kReplicas = kUp | kPlacement | kWorker;
constexpr RoleSet kUpWorker = kUp | kWorker;
constexpr RoleSet kUpGateway = kUp | kGateway;
constexpr RoleSet kUpPlacement = kUp | kPlacement;

using Rows = std::vector<Option>;

template <typename Field>
OptionValue log_level(Field field) {
  OptionValue value;
  value.type = "debug, info, warning or error";
  value.read = [field](Settings* settings, std::string_view text) -> Result<void> {
    const auto level = parse_log_level(text);
    if (!level.has_value()) return options::must_be("debug, info, warning or error", text);
    field(*settings) = *level;
    return {};
  };
  value.show = [field](const Settings& settings) -> std::string {
    constexpr std::array<std::string_view, 4> kNames = {"debug", "info", "warning", "error"};
    return std::string(kNames[static_cast<size_t>(field(settings))]);
  };
  return value;
}

// An address, or none: then that was said, and no role's own default counts.
OptionValue http_address() {
  OptionValue value;
  value.type = "HOST:PORT or none";
  value.read = [](Settings* settings, std::string_view text) -> Result<void> {
    settings->http.reset();
    if (!text.empty() && text != "none") {
      VECTRON_TRY(settings->http, options::parse_address(text));
    }
    settings->http_said = true;
    return {};
  };
  value.show = [](const Settings& settings) -> std::string {
    if (settings.http.has_value()) return settings.http->text;
    return settings.http_said ? "none" : "";
  };
  return value;
}

void add_process(Rows* rows) {
  using S = Settings;
  rows->push_back({"data", kAll, "The data folder; made when absent. Each process has its own.",
                   options::text(at(&S::data))});
  rows->push_back(
      {"rpc", kAll,
       "Where this process listens for RPC; port 0 takes a free one. Of `up` and of a "
       "gateway: for clients. Of the others: for nodes of the cluster. All addresses of "
       "HOST are listened to; `*` is every address of this machine, an IPv6 HOST stands "
       "in brackets.",
       options::address(at(&S::rpc))});
  rows->push_back({"http", kAll,
                   "Where this process listens for HTTP: the public API (up, gateway), and /livez, "
                   "/readyz and /metrics (all). When it is not said, `up` listens at "
                   "127.0.0.1:8080 and the others serve no HTTP.",
                   http_address()});
  rows->push_back({"ready_file", kAll,
                   "A file that gets the line \"vectron is ready: ...\" when the process is ready; "
                   "removed when it stops. None when empty.",
                   options::text(at(&S::ready_file))});
  rows->push_back(
      {"log_level", kAll, "What is written to standard error.", log_level(at(&S::log_level))});
  rows->push_back({"drain_ms_max", kAll,
                   "How long, after SIGTERM, requests in flight and handing leadership over may "
                   "take. At a gateway the last quarter of it, at most a second, is for telling "
                   "those whose requests did not end.",
                   milliseconds(at(&S::drain_max), 0, 3'600'000)});
  rows->push_back({"cpu_threads", kAll, "Threads that search and index; 0: one for each core.",
                   count(at(&S::cpu_threads), 0, 1'024)});
  rows->push_back({"file_threads", kAll, "Threads for reading and writing files.",
                   count(at(&S::file_threads), 1, 1'024)});
  rows->push_back({"key_value_threads", kAll, "Threads for reading and writing LMDB.",
                   count(at(&S::key_value_threads), 1, 1'024)});
}

void add_identity(Rows* rows) {
  using S = Settings;
  rows->push_back({"cluster", kServed,
                   "The number of the cluster: any but 0, the same for all of its processes. A "
                   "process of another cluster is refused.",
                   options::id(at(&S::cluster))});
  rows->push_back({"node", kServed,
                   "The number of this node: no other process of the cluster has it, ever, and its "
                   "data folder belongs to it.",
                   options::id(at(&S::node))});
  rows->push_back({"placement", kServed,
                   "The placement driver's nodes, 1 to 7, the same list everywhere.",
                   options::members(at(&S::members))});
  rows->push_back({"bootstrap", kPlacement,
                   "Make the placement driver's group where the data folder has nothing of it. "
                   "Needs all placement nodes to be up; one whose disk was lost is refused.",
                   options::toggle(at(&S::bootstrap))});
  rows->push_back({"advertise", kWorker,
                   "Where others reach this worker, when that is not where it listens; port 0 "
                   "stands for the real one.",
                   options::address(at(&S::advertise))});
  rows->push_back({"workers", kUp, "How many workers run; never fewer than the data folder had.",
                   count(at(&S::workers), 1, S::kWorkersMax)});
  rows->push_back({"zone", kWorker,
                   "Failure domain: copies of a shard go to different zones first.",
                   options::text(at(&S::worker, &WorkerConfig::zone))});
  rows->push_back({"rack", kWorker, "Failure domain: then to different racks.",
                   options::text(at(&S::worker, &WorkerConfig::rack))});
  rows->push_back({"host", kWorker, "Failure domain: then to different hosts.",
                   options::text(at(&S::worker, &WorkerConfig::host))});
  rows->push_back({"replicas_max", kUpWorker,
                   "Copies of shards that a worker can hold; a collection that needs more is "
                   "refused. Never more than the limit of descriptors allows (three for a copy, of "
                   "half of them). 0: what it and the memory (512KiB for a copy) allow.",
                   count(at(&S::worker, &WorkerConfig::replicas_max), 0)});
  rows->push_back({"capacity_bytes", kWorker, "How much the worker may store, for reports.",
                   bytes(at(&S::worker, &WorkerConfig::capacity_bytes), 1)});
}

void add_placement(Rows* rows) {
  const auto field = [](auto member) { return at(&Settings::placement, member); };
  rows->push_back({"worker_silence_ms_max", kUpPlacement,
                   "A worker that was silent for so long is down: it gets no new copies.",
                   milliseconds(field(&PlacementConfig::worker_silence_max), 1)});
  rows->push_back({"create_wait_ms_max", kUpPlacement,
                   "How long making a collection waits for enough workers, and then for leaders.",
                   milliseconds(field(&PlacementConfig::create_wait), 1)});
  rows->push_back({"push_timeout_ms", kUpPlacement, "Of one assignment pushed to a worker.",
                   milliseconds(field(&PlacementConfig::push_timeout), 1)});
  rows->push_back({"push_interval_ms", kUpPlacement, "Before a push that failed is tried again.",
                   milliseconds(field(&PlacementConfig::push_interval), 1)});
}

void add_worker(Rows* rows) {
  using W = WorkerConfig;
  const auto field = [](auto member) { return at(&Settings::worker, member); };
  rows->push_back({"heartbeat_interval_ms", kUpWorker,
                   "How often a worker reports; sooner when something changed.",
                   milliseconds(field(&W::heartbeat_interval), 1)});
  rows->push_back({"change_interval_ms", kUpWorker,
                   "Between two reports of new counts; a new leader or copy is reported at once.",
                   milliseconds(field(&W::change_interval), 1)});
  rows->push_back(
      {"memory_bytes_max", kUpWorker,
       "What a worker may keep in memory: indexes, logs, writes on their way. Writes that "
       "would add more are refused; reads and deletes are not. 0: three quarters of the "
       "machine's memory (or the container's), shared by the workers of `up`.",
       bytes(field(&W::memory_bytes_max), 0)});
  rows->push_back({"searches_in_flight_max", kUpWorker, "Of one shard; more are refused.",
                   count(field(&W::searches_in_flight_max), 1)});
  rows->push_back({"tail_bytes_max", kUpWorker,
                   "Vectors of one shard that wait for the graph; more writes are refused.",
                   bytes(field(&W::tail_bytes_max), 1)});
  rows->push_back({"graph_points_min", kUpWorker,
                   "A shard with fewer vectors (those that were overwritten or deleted count until "
                   "the next rebuild) has no graph: comparing all of them is exact and faster.",
                   count(field(&W::graph_points_min), 0, 1'000'000)});
  rows->push_back({"index_batch_points_max", kUpWorker,
                   "Points linked by one piece of work of a CPU thread.",
                   count(field(&W::index_batch_points_max), 1, 65'536)});
  rows->push_back({"index_linger_ms", kUpWorker,
                   "How long fewer points than that wait in the flat tail for others.",
                   milliseconds(field(&W::index_linger), 0)});
  rows->push_back(
      {"entry_bytes_max", kUpWorker,
       "Of one write to a shard, which is one entry of its log; at least 32KiB more than the "
       "gateways' write_bytes_max.",
       bytes(field(&W::write_bytes_max), 1'024, kWriteBytesMax, 8 << 20)});
  rows->push_back({"entry_operations_max", kUpWorker, "Points of one write to a shard.",
                   count(field(&W::write_operations_max), 1, kWriteOperationsMax, 1'000'000)});
  rows->push_back({"reply_bytes_max", kUpWorker, "Vectors and payloads of one shard's answer.",
                   bytes(field(&W::reply_bytes_max), 1'024)});
}

void add_upkeep(Rows* rows) {
  using U = UpkeepConfig;
  const auto field = [](auto member) {
    return at(&Settings::worker, &WorkerConfig::upkeep, member);
  };
  rows->push_back({"upkeep_interval_ms", kUpWorker,
                   "How often a shard looks whether a checkpoint or a rebuild is due.",
                   milliseconds(field(&U::check_interval), 1)});
  rows->push_back({"checkpoint_points_min", kUpWorker,
                   "A graph is checkpointed once so many points were written, removed or linked,",
                   count(field(&U::checkpoint_points_min), 1)});
  rows->push_back({"checkpoint_share_ppm", kUpWorker,
                   "and so large a share of the shard's points (parts per million),",
                   count(field(&U::checkpoint_share_ppm), 0, 1'000'000)});
  rows->push_back({"checkpoint_idle_ms", kUpWorker,
                   "or when something changed, and nothing more for so long.",
                   milliseconds(field(&U::checkpoint_idle), 1)});
  rows->push_back({"checkpoint_pause_ms_min", kUpWorker, "Between two checkpoints of a shard.",
                   milliseconds(field(&U::checkpoint_pause_min), 1)});
  rows->push_back({"checkpoint_bytes_per_second_max", kUpWorker,
                   "How fast one is written, so that the log's disk is not held up.",
                   bytes(field(&U::checkpoint_bytes_per_second_max), 4'096)});
  rows->push_back({"checkpoint_free_bytes_min", kUpWorker,
                   "What one leaves free on the disk; else none is begun.",
                   bytes(field(&U::checkpoint_free_bytes_min), 0)});
  rows->push_back({"checkpoint_stop_ms_max", kUpWorker,
                   "How long a worker that stops takes for the checkpoints of all its shards.",
                   milliseconds(field(&U::checkpoint_stop_timeout), 0)});
  rows->push_back({"rebuild_tombstones_min", kUpWorker,
                   "An index is built anew once so many of its slots were overwritten or deleted,",
                   count(field(&U::rebuild_tombstones_min), 1)});
  rows->push_back({"rebuild_tombstones_ppm", kUpWorker,
                   "and so large a share of them (parts per million).",
                   count(field(&U::rebuild_tombstones_ppm), 1, 1'000'000)});
  rows->push_back({"rebuild_slice_points", kUpWorker,
                   "Points copied and linked by one piece of work of a rebuild.",
                   count(field(&U::rebuild_slice_points), 1, 65'536)});
  rows->push_back({"rebuild_growth_ppm_max", kUpWorker,
                   "A rebuild is given up when the old index grew by such a share meanwhile.",
                   count(field(&U::rebuild_growth_ppm_max), 1, 1'000'000'000)});
  rows->push_back({"rebuild_pause_ms_min", kUpWorker, "After one that was given up.",
                   milliseconds(field(&U::rebuild_pause_min), 1)});
}

void add_gateway(Rows* rows) {
  using G = GatewayConfig;
  const auto field = [](auto member) { return at(&Settings::gateway, member); };
  rows->push_back({"request_timeout_ms", kAll, "The deadline of a request that names none.",
                   milliseconds(at(&Settings::request_timeout), 1)});
  rows->push_back({"request_timeout_ms_max", kUpGateway,
                   "No request may take longer, whatever deadline it names.",
                   milliseconds(field(&G::request_timeout_max), 1)});
  rows->push_back({"read_attempt_timeout_ms", kUpGateway,
                   "How long one copy may think about a read before another one is asked.",
                   milliseconds(field(&G::read_attempt_timeout), 1)});
  rows->push_back({"connect_timeout_ms", kUpGateway,
                   "How long connecting to a node may take before another one is asked.",
                   milliseconds(field(&G::connect_timeout), 1)});
  rows->push_back({"backoff_ms_min", kUpGateway, "The first pause between rounds of attempts.",
                   milliseconds(field(&G::backoff_min), 1)});
  rows->push_back({"backoff_ms_max", kUpGateway, "The longest such pause.",
                   milliseconds(field(&G::backoff_max), 1)});
  rows->push_back({"attempts_max", kUpGateway, "Attempts of one operation on one shard.",
                   count(field(&G::attempts_max), 1)});
  rows->push_back({"route_bytes_max", kUpGateway,
                   "Memory for where the shards of collections are; the longest unused goes first.",
                   bytes(field(&G::route_bytes_max), 1'024)});
  rows->push_back({"worker_channels_max", kUpGateway, "Connections to nodes of the cluster.",
                   count(field(&G::worker_channels_max), 1)});
  rows->push_back(
      {"connections_max", kUpGateway,
       "Clients connected at once, over RPC and over HTTP each; from one host half of it, "
       "over both together. More are told so and closed.",
       count(field(&G::connections_max), 1)});
  rows->push_back({"requests_in_flight_max", kUpGateway,
                   "Of all clients, of those of one host half of it; more are refused.",
                   count(field(&G::requests_in_flight_max), 1)});
  rows->push_back({"requests_in_flight_per_connection_max", kUpGateway,
                   "Of one client; more are refused.",
                   count(field(&G::requests_in_flight_per_connection_max), 1)});
  rows->push_back({"frame_bytes_max", kUpGateway, "The largest request or reply.",
                   bytes(field(&G::frame_bytes_max), 4'096, uint64_t{1} << 30)});
  rows->push_back({"body_bytes_in_flight_max", kUpGateway,
                   "Requests and waiting answers of all clients, over RPC and HTTP together, of "
                   "those of one host half of it; more is refused. At least three times "
                   "frame_bytes_max.",
                   bytes(field(&G::body_bytes_in_flight_max), 8'192, uint64_t{1} << 40)});
  rows->push_back({"http_head_bytes_max", kUpGateway, "Request line and header fields.",
                   bytes(field(&G::http_head_bytes_max), 256, 1 << 20)});
  rows->push_back({"http_pipelined_requests_max", kUpGateway,
                   "Of one connection, read and not answered; further ones wait in the network.",
                   count(field(&G::http_pipelined_requests_max), 1, 1'024)});
  rows->push_back({"http_idle_ms_max", kUpGateway,
                   "Between an answer and the next request; then the connection ends.",
                   milliseconds(field(&G::http_idle_timeout), 1)});
  rows->push_back({"http_head_ms_max", kUpGateway,
                   "From a request's first byte to the end of its head; then it is refused.",
                   milliseconds(field(&G::http_head_timeout), 1)});
  rows->push_back({"http_body_ms_max", kUpGateway,
                   "From there to the end of its body, of which 64 KiB come in each quarter; else "
                   "it is refused.",

                   milliseconds(field(&G::http_body_timeout), 1)});
  rows->push_back(
      {"http_write_ms_max", kUpGateway,
       "In such a time a client takes an answer, or 64 KiB of it; else its connection is closed.",
       milliseconds(field(&G::http_write_timeout), 1)});
  rows->push_back({"http_hosts", kAll,
                   "Names by which HTTP clients may call this process (the Host field), besides "
                   "loopback's names and the host of http; * for any. Web pages whose names were "
                   "pointed here are refused by it.",
                   options::texts(field(&G::http_hosts), "names with commas between them")});
  rows->push_back({"http_origins", kUpGateway,
                   "Origins whose web pages may use the HTTP API (CORS), as "
                   "https://app.example:8443; * for any. Pages of others cannot write, nor read "
                   "answers.",
                   options::texts(field(&G::http_origins), "origins with commas between them")});
  const auto log = [](auto member) {
    return at(&Settings::gateway, &GatewayConfig::request_log, member);
  };
  using L = gateway::RequestLogConfig;
  rows->push_back({"request_log_level", kUpGateway,
                   "The level of the log's lines about requests: they are written when log_level "
                   "lets it through.",
                   log_level(log(&L::level))});
  rows->push_back({"request_log_share_ppm", kUpGateway,
                   "Of how many requests a line is written (parts per million). Those that failed "
                   "by the server's fault, and slow ones, always have one.",
                   count(log(&L::share_ppm), 0, 1'000'000)});
  rows->push_back({"request_log_slow_ms_min", kUpGateway, "A request that takes so long is slow.",
                   milliseconds(log(&L::slow_min), 0)});
  rows->push_back({"batch_points_max", kUpGateway, "Points of one upsert.",
                   count(field(&G::batch_points_max), 1, 10'000'000)});
  rows->push_back({"write_bytes_max", kUpGateway,
                   "A shard's part of an upsert is written in pieces of at most so many bytes.",
                   bytes(field(&G::write_bytes_max), 1'024, kWritePieceBytesMax, 8 << 20)});
  rows->push_back({"write_points_max", kUpGateway,
                   "And of at most so many points; no more than the workers' entry_operations_max.",
                   count(field(&G::write_points_max), 1, kWriteOperationsMax)});
}

void add_raft(Rows* rows) {
  using R = ReplicaConfig;
  const auto field = [](auto member) { return at(&Settings::replica, member); };
  rows->push_back({"tick_ms", kReplicas, "One Raft tick; the next two count in it.",
                   milliseconds(field(&R::tick_interval), 1, 60'000)});
  rows->push_back({"election_ticks", kReplicas,
                   "Ticks without a leader before a follower campaigns (up to twice that). The "
                   "same on all nodes.",
                   count(field(&R::election_ticks), 2, 10'000)});
  rows->push_back({"heartbeat_ticks", kReplicas, "Ticks between a leader's heartbeats.",
                   count(field(&R::heartbeat_ticks), 1, 5'000)});
  rows->push_back({"append_bytes_max", kReplicas, "Entries in one message to a follower.",
                   bytes(field(&R::append_bytes_max), 1'024, kAppendBytesMax, 32 << 20)});
  rows->push_back({"uncommitted_bytes_max", kReplicas,
                   "Writes that a leader has taken and not committed; more are refused.",
                   bytes(field(&R::uncommitted_bytes_max), 1'024)});
  rows->push_back({"pending_proposals_max", kReplicas, "The same, counted.",
                   count(field(&R::pending_proposals_max), 1)});
  rows->push_back({"log_entries_kept_max", kReplicas,
                   "Entries kept for followers that lag; beyond it they get a snapshot.",
                   count(field(&R::log_entries_kept_max), 1)});
  rows->push_back({"log_bytes_kept_max", kReplicas, "The same, in bytes.",
                   bytes(field(&R::log_bytes_kept_max), 1'024)});
  rows->push_back(
      {"log_bytes_waiting_max", kReplicas,
       "Entries kept for a follower that answers and is behind, until it has caught up.",
       bytes(field(&R::log_bytes_waiting_max), 1'024)});
  rows->push_back(
      {"snapshot_chunk_bytes_max", kReplicas, "One piece of a snapshot.",
       bytes(field(&R::snapshot_chunk_bytes_max), 1'024, kSnapshotChunkBytesMax, 32 << 20)});
  rows->push_back({"snapshot_chunk_timeout_ms", kReplicas,
                   "Of one piece; then the snapshot is begun again.",
                   milliseconds(field(&R::snapshot_chunk_timeout), 1)});
}

void add_storage(Rows* rows) {
  using O = OverlayConfig;
  using K = KvConfig;
  using W = WalConfig;
  const auto overlay = [](auto member) {
    return at(&Settings::replica, &ReplicaConfig::overlay, member);
  };
  const auto kv = [](auto member) { return at(&Settings::replica, &ReplicaConfig::kv, member); };
  using R = ReplicaConfig;
  const auto replica = [](auto member) { return at(&Settings::replica, member); };
  const auto wal = [](auto member) { return at(&Settings::wal, member); };
  rows->push_back({"overlay_bytes_max", kReplicas,
                   "Applied writes of a copy that are not in LMDB yet; above it apply waits.",
                   bytes(overlay(&O::overlay_bytes_max), 1'024)});
  rows->push_back({"flush_bytes_max", kReplicas, "About how much one commit of LMDB takes.",
                   bytes(overlay(&O::flush_bytes_max), 1'024)});
  rows->push_back({"flush_writes_max", kReplicas, "The same in keys that are written.",
                   count(overlay(&O::flush_writes_max), 1)});
  rows->push_back({"flush_bytes_min", kReplicas, "A commit is begun once so much waits,",
                   bytes(overlay(&O::flush_bytes_min), 1)});
  rows->push_back({"flush_interval_ms", kReplicas, "or when something has waited so long.",
                   milliseconds(overlay(&O::flush_interval), 1)});
  rows->push_back({"flush_full_pause_ms", kReplicas,
                   "Before a commit is tried again when the disk was full.",
                   milliseconds(overlay(&O::full_pause), 1)});
  rows->push_back({"kv_map_bytes_max", kReplicas,
                   "The most that LMDB's file of a copy may grow to. A multiple of 4KiB.",
                   bytes(kv(&K::map_bytes_max), 1 << 20)});
  rows->push_back({"kv_map_bytes_start", kReplicas,
                   "Address space that a copy begins with; it doubles when it is full, up to "
                   "kv_map_bytes_max. A multiple of 4KiB.",
                   bytes(kv(&K::map_bytes_start), 256 << 10)});
  rows->push_back({"kv_readers_max", kReplicas, "Transactions of a copy that may read at once.",
                   count(kv(&K::readers_max), 3, 4'096)});
  rows->push_back({"kv_batch_bytes_max", kReplicas, "The most that one commit may hold.",
                   bytes(kv(&K::batch_bytes_max), 1 << 20)});
  rows->push_back({"kv_reader_age_ms_max", kReplicas,
                   "A snapshot's reader that is older is ended, for it pins pages.",
                   milliseconds(kv(&K::reader_age_max), 1)});
  rows->push_back({"kv_reader_pinned_bytes_max", kReplicas, "The same, by the bytes it pins.",
                   bytes(kv(&K::reader_pinned_bytes_max), 4'096)});
  rows->push_back({"scrub_interval_ms", kReplicas,
                   "From one check of all that a copy has stored to the next one.",
                   milliseconds(replica(&R::scrub_interval), 1)});
  rows->push_back({"scrub_bytes_per_second_max", kReplicas,
                   "How fast these checks read, over all copies of the node. 0: there are none.",
                   bytes(replica(&R::scrub_bytes_per_second_max), 0)});
  rows->push_back({"wal_segment_bytes_max", kReplicas, "One file of the write-ahead log.",
                   bytes(wal(&W::segment_bytes_max), 4'096)});
  rows->push_back({"wal_prefill_bytes", kReplicas,
                   "Zeros that are written ahead of the log's records, so that their syncs do not "
                   "change the size of the file. 0: none.",
                   bytes(wal(&W::prefill_bytes), 0, uint64_t{64} << 20)});
  rows->push_back({"wal_reserve_bytes", kReplicas,
                   "What the log keeps of the disk, so that its copies elect leaders and serve "
                   "reads when it is full. 0: nothing.",
                   bytes(wal(&W::reserve_bytes), 0, uint64_t{64} << 20)});
  rows->push_back({"wal_queue_bytes_max", kReplicas, "What may wait for the log's disk.",
                   bytes(wal(&W::queue_bytes_max), 4'096)});
  rows->push_back({"wal_write_bytes_max", kReplicas, "About how much one sync takes of it.",
                   bytes(wal(&W::write_bytes_max), 4'096)});
  rows->push_back({"wal_retention_bytes_max", kReplicas,
                   "Above it, copies that pin old files let go: lagging followers get snapshots.",
                   bytes(wal(&W::retention_bytes_max), 4'096)});
  rows->push_back({"wal_full_pause_ms", kReplicas,
                   "Before a write is tried again when the disk was full.",
                   milliseconds(wal(&W::full_pause), 1)});
}

Rows make_table() {
  Rows rows;
  add_process(&rows);
  add_identity(&rows);
  add_placement(&rows);
  add_worker(&rows);
  add_upkeep(&rows);
  add_gateway(&rows);
  add_raft(&rows);
  add_storage(&rows);
  constexpr std::array<std::string_view, 19> kCommon = {
      "data",        "rpc",     "http",    "http_hosts", "http_origins", "ready_file",
      "log_level",   "workers", "cluster", "node",       "placement",    "advertise",
      "bootstrap",   "host",    "rack",    "zone",       "cpu_threads",  "memory_bytes_max",
      "drain_ms_max"};
  for (Option& row : rows) row.common = std::ranges::find(kCommon, row.name) != kCommon.end();
  return rows;
}

}  // namespace

const std::vector<Option>& option_table() {
  static const Rows table = make_table();
  return table;
}

}  // namespace vectron
