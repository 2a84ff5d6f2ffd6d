// Options of workers: reports, indexing, writes, and the upkeep of shards.
#include "services/daemon/options/rows.h"

namespace vectron::options {
namespace {

void add_service(Rows* rows) {
  using W = WorkerConfig;
  const auto field = [](auto member) { return at(&Settings::worker, member); };
  rows->push_back({"advertise", kWorker,
                   "Where others reach this worker, when that is not where it listens; port 0 "
                   "stands for the real one.",
                   address(at(&Settings::advertise))});
  rows->push_back({"zone", kWorker,
                   "Failure domain of this worker: copies of a shard go to different zones first.",
                   text(field(&W::zone))});
  rows->push_back({"rack", kWorker,
                   "Failure domain of this worker within its zone: where zones do not suffice, "
                   "copies of a shard go to different racks.",
                   text(field(&W::rack))});
  rows->push_back({"host", kWorker,
                   "Failure domain of this worker within its rack: where racks do not suffice, "
                   "copies of a shard go to different hosts.",
                   text(field(&W::host))});
  rows->push_back({"replicas_max", kUpWorker,
                   "Copies of shards that a worker can hold; a collection that needs more is "
                   "refused. Never more than the limit of descriptors allows (three for a copy, of "
                   "half of them). 0: what it and the memory (512KiB for a copy) allow.",
                   count(field(&W::replicas_max), 0)});
  rows->push_back({"capacity_bytes", kWorker, "How much the worker may store, for reports.",
                   bytes(field(&W::capacity_bytes), 1)});
  rows->push_back({"heartbeat_interval_ms", kUpWorker,
                   "How often a worker reports; sooner when something changed.",
                   milliseconds(field(&W::heartbeat_interval), 1)});
  rows->push_back({"change_interval_ms", kUpWorker,
                   "How long a worker waits between two reports of new counts; a new leader or "
                   "copy is reported at once.",
                   milliseconds(field(&W::change_interval), 1)});
  rows->push_back(
      {"memory_bytes_max", kUpWorker,
       "What a worker may keep in memory: indexes, logs, writes on their way. Writes that "
       "would add more are refused; reads and deletes are not. 0: three quarters of the "
       "machine's memory (or the container's), shared by the workers of `up`.",
       bytes(field(&W::memory_bytes_max), 0)});
  rows->push_back({"searches_in_flight_max", kUpWorker,
                   "Searches of one shard that a worker does at once; more are refused.",
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
                   "How long fewer points than index_batch_points_max wait for others before they "
                   "are linked; until then searches compare them one by one.",
                   milliseconds(field(&W::index_linger), 0)});
  rows->push_back({"entry_bytes_max", kUpWorker,
                   "How much one write to a shard may hold, which is one entry of its log; at "
                   "least 32KiB more than the gateways' write_bytes_max.",
                   bytes(field(&W::write_bytes_max), 1'024, kWriteBytesMax, 8 << 20)});
  rows->push_back({"entry_operations_max", kUpWorker,
                   "How many points one write to a shard may hold.",
                   count(field(&W::write_operations_max), 1, kWriteOperationsMax, 1'000'000)});
  rows->push_back({"reply_bytes_max", kUpWorker,
                   "How many bytes of vectors and payloads one shard's answer may hold.",
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
                   "A graph is checkpointed once so many points, and the share of "
                   "checkpoint_share_ppm, were written, removed or linked since the last one.",
                   count(field(&U::checkpoint_points_min), 1)});
  rows->push_back({"checkpoint_share_ppm", kUpWorker,
                   "The share of a shard's points (parts per million) that must have changed, "
                   "besides checkpoint_points_min, before its graph is checkpointed.",
                   count(field(&U::checkpoint_share_ppm), 0, 1'000'000)});
  rows->push_back({"checkpoint_idle_ms", kUpWorker,
                   "A graph in which anything changed is checkpointed once nothing more changed "
                   "for so long, however little it was.",
                   milliseconds(field(&U::checkpoint_idle), 1)});
  rows->push_back({"checkpoint_pause_ms_min", kUpWorker,
                   "The least time between two checkpoints of a shard.",
                   milliseconds(field(&U::checkpoint_pause_min), 1)});
  rows->push_back({"checkpoint_bytes_per_second_max", kUpWorker,
                   "How fast a checkpoint is written, so that the log's disk is not held up.",
                   bytes(field(&U::checkpoint_bytes_per_second_max), 4'096)});
  rows->push_back({"checkpoint_free_bytes_min", kUpWorker,
                   "How much space a checkpoint must leave free on the disk; else none is begun.",
                   bytes(field(&U::checkpoint_free_bytes_min), 0)});
  rows->push_back({"checkpoint_stop_ms_max", kUpWorker,
                   "How long a worker that stops takes for the checkpoints of all its shards.",
                   milliseconds(field(&U::checkpoint_stop_timeout), 0)});
  rows->push_back({"rebuild_tombstones_min", kUpWorker,
                   "An index is built anew once so many of its slots, and the share of "
                   "rebuild_tombstones_ppm, were overwritten or deleted.",
                   count(field(&U::rebuild_tombstones_min), 1)});
  rows->push_back({"rebuild_tombstones_ppm", kUpWorker,
                   "The share of an index' slots (parts per million) that must be overwritten or "
                   "deleted, besides rebuild_tombstones_min, before it is built anew.",
                   count(field(&U::rebuild_tombstones_ppm), 1, 1'000'000)});
  rows->push_back({"rebuild_slice_points", kUpWorker,
                   "Points copied and linked by one piece of work of a rebuild.",
                   count(field(&U::rebuild_slice_points), 1, 65'536)});
  rows->push_back({"rebuild_growth_ppm_max", kUpWorker,
                   "A rebuild is given up when the old index grew by such a share (parts per "
                   "million) meanwhile.",
                   count(field(&U::rebuild_growth_ppm_max), 1, 1'000'000'000)});
  rows->push_back(
      {"rebuild_pause_ms_min", kUpWorker,
       "How long a shard waits after a rebuild that was given up before it begins the next one.",
       milliseconds(field(&U::rebuild_pause_min), 1)});
}

}  // namespace

void add_worker(Rows* rows) {
  add_service(rows);
  add_upkeep(rows);
}

}  // namespace vectron::options
