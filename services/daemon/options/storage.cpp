// Options of nodes that keep replicas: what lies between the log and LMDB, LMDB, and the log.
#include "services/daemon/options/rows.h"

namespace vectron::options {
namespace {

using R = ReplicaConfig;

void add_overlay(Rows* rows) {
  using O = OverlayConfig;
  const auto overlay = [](auto member) { return at(&Settings::replica, &R::overlay, member); };
  rows->push_back(
      {"overlay_bytes_max", kReplicas,
       "Applied writes of a copy that are not in LMDB yet; above so much, applying waits.",
       bytes(overlay(&O::overlay_bytes_max), 1'024)});
  rows->push_back({"flush_bytes_max", kReplicas, "About how many bytes one commit of LMDB takes.",
                   bytes(overlay(&O::flush_bytes_max), 1'024)});
  rows->push_back({"flush_writes_max", kReplicas, "About how many keys one commit of LMDB takes.",
                   count(overlay(&O::flush_writes_max), 1)});
  rows->push_back({"flush_bytes_min", kReplicas,
                   "A commit of LMDB is begun once so many bytes wait for it, or something has "
                   "waited for flush_interval_ms.",
                   bytes(overlay(&O::flush_bytes_min), 1)});
  rows->push_back({"flush_interval_ms", kReplicas,
                   "A commit of LMDB is begun once something has waited so long for it, or "
                   "flush_bytes_min wait.",
                   milliseconds(overlay(&O::flush_interval), 1)});
  rows->push_back(
      {"flush_full_pause_ms", kReplicas,
       "How long a commit of LMDB waits before it is tried again when the disk was full.",
       milliseconds(overlay(&O::full_pause), 1)});
}

void add_stores(Rows* rows) {
  using K = KvConfig;
  const auto kv = [](auto member) { return at(&Settings::replica, &R::kv, member); };
  const auto replica = [](auto member) { return at(&Settings::replica, member); };
  rows->push_back({"kv_map_bytes_max", kReplicas,
                   "The most that LMDB's file of a copy may grow to. A multiple of 4KiB.",
                   bytes(kv(&K::map_bytes_max), 1 << 20)});
  rows->push_back({"kv_map_bytes_start", kReplicas,
                   "Address space that a copy begins with; it doubles when it is full, up to "
                   "kv_map_bytes_max. A multiple of 4KiB.",
                   bytes(kv(&K::map_bytes_start), 256 << 10)});
  rows->push_back({"kv_readers_max", kReplicas, "Transactions of a copy that may read at once.",
                   count(kv(&K::readers_max), 3, 4'096)});
  rows->push_back({"kv_batch_bytes_max", kReplicas, "The most that one commit of LMDB may hold.",
                   bytes(kv(&K::batch_bytes_max), 1 << 20)});
  rows->push_back({"kv_reader_age_ms_max", kReplicas,
                   "A snapshot's reader of LMDB that is older is ended, for it pins pages.",
                   milliseconds(kv(&K::reader_age_max), 1)});
  rows->push_back({"kv_reader_pinned_bytes_max", kReplicas,
                   "A snapshot's reader of LMDB that pins more is ended.",
                   bytes(kv(&K::reader_pinned_bytes_max), 4'096)});
  rows->push_back({"scrub_interval_ms", kReplicas,
                   "How long it is from one check of all that a copy has stored to the next one.",
                   milliseconds(replica(&R::scrub_interval), 1)});
  rows->push_back({"scrub_bytes_per_second_max", kReplicas,
                   "How fast the checks of scrub_interval_ms read, over all copies of the node. 0: "
                   "there are none.",
                   bytes(replica(&R::scrub_bytes_per_second_max), 0)});
}

void add_log(Rows* rows) {
  using W = WalConfig;
  const auto wal = [](auto member) { return at(&Settings::wal, member); };
  rows->push_back({"wal_segment_bytes_max", kReplicas,
                   "How large one file of the write-ahead log gets.",
                   bytes(wal(&W::segment_bytes_max), 4'096)});
  rows->push_back({"wal_prefill_bytes", kReplicas,
                   "How many zeros are written ahead of the write-ahead log's records, so that "
                   "their syncs do not change the size of the file. 0: none.",
                   bytes(wal(&W::prefill_bytes), 0, uint64_t{64} << 20)});
  rows->push_back({"wal_reserve_bytes", kReplicas,
                   "What the write-ahead log keeps of the disk, so that its copies elect leaders "
                   "and serve reads when it is full. 0: nothing.",
                   bytes(wal(&W::reserve_bytes), 0, uint64_t{64} << 20)});
  rows->push_back({"wal_queue_bytes_max", kReplicas,
                   "How much may wait for the write-ahead log's disk.",
                   bytes(wal(&W::queue_bytes_max), 4'096)});
  rows->push_back({"wal_write_bytes_max", kReplicas,
                   "About how much one sync of the write-ahead log takes.",
                   bytes(wal(&W::write_bytes_max), 4'096)});
  rows->push_back({"wal_retention_bytes_max", kReplicas,
                   "How large the write-ahead log may get before copies that pin old files of it "
                   "let go: followers that lag get snapshots then.",
                   bytes(wal(&W::retention_bytes_max), 4'096)});
  rows->push_back({"wal_full_pause_ms", kReplicas,
                   "How long a write to the write-ahead log waits before it is tried again when "
                   "the disk was full.",
                   milliseconds(wal(&W::full_pause), 1)});
}

}  // namespace

void add_storage(Rows* rows) {
  add_overlay(rows);
  add_stores(rows);
  add_log(rows);
}

}  // namespace vectron::options
