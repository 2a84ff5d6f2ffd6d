#include "core/replica/replica_host.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/replica/birth_remains.h"
#include "core/replica/manifest_file.h"

namespace vectron {
namespace {

constexpr std::string_view kComponent = "replica_host";
constexpr std::string_view kNodeManifest = "node.manifest";
constexpr std::string_view kReplicasFolder = "replicas";
constexpr std::string_view kLogFolder = "wal";
constexpr uint32_t kFormatVersion = 1;
constexpr Duration kHandOverLook = 5ms;
constexpr size_t kTicksPerTurn = 256;  // Of the event loop: 1 to 3 ms.

std::string folder_of(ReplicaId replica) {
  return fmt::format("{}/{}", kReplicasFolder, replica);
}

Result<void> check_format(uint32_t version, std::string_view what) {
  if (version <= kFormatVersion) return {};
  return fail(Code::failed_precondition,
              fmt::format("{} has format version {}, this program knows up to {}: use a newer one",
                          what, version, kFormatVersion));
}

// Whether it is that of the folder's replica, and names it as one of the members.
Result<void> check_manifest(const stored::ReplicaManifest& manifest, ReplicaId replica,
                            std::string_view path) {
  if (manifest.replica_id != replica.value()) {
    return fail(Code::data_loss, fmt::format("{} is that of replica {}: put the right file back",
                                             path, manifest.replica_id));
  }
  std::set<uint64_t> members;
  for (const wire::Member& member : manifest.members) members.insert(member.replica_id);
  if (members.contains(replica.value()) && members.size() == manifest.members.size()) return {};
  return fail(Code::data_loss,
              fmt::format("{} does not name the replica once among its members", path));
}

/// The node's manifest is written before anything else: where it is missing beside something, it
/// was lost.
Task<Result<void>> check_nothing_there(Env* env) {
  for (const std::string_view folder : {kReplicasFolder, kLogFolder}) {
    const auto names = co_await env->disk().list(std::string(folder));
    if (!names.has_value() && names.error().code() == Code::not_found) continue;
    VECTRON_CO_CHECK_OK(names);
    if (names->empty()) continue;
    co_return fail(
        Code::data_loss,
        fmt::format("the file {} of this data folder is missing, and {}/{} is there: "
                    "put the file back, or give the node an empty folder and a new "
                    "number; nothing is removed or changed",
                    env->disk().whole_path(std::string(kNodeManifest)), folder, names->front()));
  }
  co_return Result<void>();
}

}  // namespace

Task<Result<stored::NodeManifest>> open_node_folder(Env* env, ClusterId cluster, NodeId node,
                                                    uint64_t incarnation_min) {
  stored::NodeManifest manifest;
  manifest.format_version = kFormatVersion;
  manifest.cluster_id = cluster.value();
  manifest.node_id = node.value();
  const auto bytes = co_await read_manifest(env, std::string(kNodeManifest));
  if (bytes.has_value()) {
    auto decoded = decode<stored::NodeManifest>(*bytes);
    VECTRON_CO_TRY(manifest, decoded);
    const auto format =
        check_format(manifest.format_version, "the data folder " + env->disk().whole_path(""));
    VECTRON_CO_CHECK_OK(format);
    if (manifest.cluster_id != cluster.value() || manifest.node_id != node.value()) {
      co_return fail(
          Code::failed_precondition,
          fmt::format("the data folder {} belongs to node {} of cluster {}, not to node {} of "
                      "cluster {}: give each node a folder of its own",
                      env->disk().whole_path(""), manifest.node_id, manifest.cluster_id, node,
                      cluster.value()));
    }
  } else if (bytes.error().code() != Code::not_found) {
    co_return fail(bytes.error());
  } else {
    const auto unused = co_await check_nothing_there(env);
    VECTRON_CO_CHECK_OK(unused);
    manifest.folder_id = std::max<uint64_t>(env->random("folder id").next(), 1);
  }
  manifest.incarnation = std::max(manifest.incarnation + 1, incarnation_min);
  if (env->planted("reuse_replica_after_disk_loss")) {
    // An empty folder passes for a later start of the one that is lost.
    const Duration since_epoch = env->clock().wall().time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_epoch).count();
    manifest.incarnation = std::max<uint64_t>(manifest.incarnation, static_cast<uint64_t>(seconds));
  }
  const auto written = co_await write_manifest(env, "", std::string(kNodeManifest),
                                               encode(manifest), SpareFile::kept);
  VECTRON_CO_CHECK_OK(written);
  co_return manifest;
}

std::vector<ReplicaMember> members_of(const std::vector<wire::Member>& members) {
  std::vector<ReplicaMember> out;
  out.reserve(members.size());
  for (const wire::Member& member : members) {
    out.push_back({ReplicaId(member.replica_id), NodeId(member.node_id), Address{member.address}});
  }
  std::sort(out.begin(), out.end(),
            [](const ReplicaMember& a, const ReplicaMember& b) { return a.replica < b.replica; });
  return out;
}

ReplicaSpec spec_of(const stored::ReplicaManifest& manifest) {
  ReplicaSpec spec;
  spec.group = GroupId(manifest.group_id);
  spec.self = ReplicaId(manifest.replica_id);
  spec.node = NodeId(manifest.node_id);
  spec.folder = folder_of(spec.self);
  spec.members = members_of(manifest.members);
  return spec;
}

ReplicaHost::ReplicaHost(Env* env, ReplicaHostConfig config, RaftLinks* links,
                         ReplicaObserver* observer)
    : env_(env),
      config_(std::move(config)),
      links_(links),
      observer_(observer),
      scrub_turn_(env->scheduler(), 1),
      changed_(env->scheduler()),
      ended_(env->scheduler()),
      tasks_(env->scheduler()) {}

Task<Result<std::unique_ptr<ReplicaHost>>> ReplicaHost::open(Env* env, ReplicaHostConfig config,
                                                             RaftLinks* links,
                                                             ReplicaObserver* observer) {
  const auto valid = config.replica.validate();
  VECTRON_CO_CHECK_OK(valid);
  config.wal.cluster = config.cluster;
  config.wal.node = config.node;
  std::unique_ptr<ReplicaHost> host(new ReplicaHost(env, config, links, observer));
  const auto folder = co_await env->disk().create_directory(std::string(kReplicasFolder));
  VECTRON_CO_CHECK_OK(folder);
  const auto named = co_await env->disk().sync_directory("");
  VECTRON_CO_CHECK_OK(named);
  auto opened = co_await Wal::open(env, std::string(kLogFolder), config.wal);
  VECTRON_CO_TRY(WalOpened wal, opened);
  host->wal_ = std::move(wal.wal);
  for (auto& [group, state] : wal.groups) {
    if (state.hard_state.term || !state.entries.empty()) host->took_part_.insert(group);
    host->recovered_.emplace(group, std::move(state));
  }
  for (const WalDropped& dropped : wal.dropped) {
    const auto finished = co_await host->finish_drop(dropped.group, dropped.replica);
    const auto taken = host->leave_when_unreadable(dropped.replica, status_of(finished));
    VECTRON_CO_CHECK_OK(taken);
  }
  const auto read = co_await host->read_manifests();
  VECTRON_CO_CHECK_OK(read);
  host->tasks_.spawn(host->tick_loop());
  co_return host;
}

Task<Result<void>> ReplicaHost::read_manifests() {
  auto listed = co_await env_->disk().list(std::string(kReplicasFolder));
  VECTRON_CO_TRY(const std::vector<std::string> names, listed);
  for (const std::string& name : names) {
    const auto replica = replica_of_folder(name);
    if (!replica) {
      env_->log().warning(kComponent, "{} is no replica's folder: it is left alone",
                          env_->disk().whole_path(fmt::format("{}/{}", kReplicasFolder, name)));
      continue;
    }
    const auto read = co_await read_replica_folder(*replica);
    const auto taken = leave_when_unreadable(*replica, status_of(read));
    VECTRON_CO_CHECK_OK(taken);
  }
  co_return Result<void>();
}

// One folder that is damaged, or that this process may not read, does not keep the others from
// serving. A shortage is no fault of one folder: the start ends, and another one finds all whole.
Result<void> ReplicaHost::leave_when_unreadable(ReplicaId replica, const Status& why) {
  if (why.ok()) return {};
  if (why.code() == Code::resource_exhausted) return fail(why);
  keep_as_lost(replica, why.message());
  return {};
}

Task<Result<void>> ReplicaHost::read_replica_folder(ReplicaId replica) {
  const std::string folder = folder_of(replica);
  const auto removing =
      co_await env_->disk().exists(fmt::format("{}/{}", folder, kRemovedManifest));
  VECTRON_CO_CHECK_OK(removing);
  const auto name = *removing ? kRemovedManifest : kReplicaManifest;
  const auto bytes = co_await read_manifest(env_, fmt::format("{}/{}", folder, name));
  if (!bytes.has_value() && bytes.error().code() == Code::not_found) {
    const auto taken = co_await take_unnamed(replica);
    co_return taken;
  }
  VECTRON_CO_CHECK_OK(bytes);
  const auto manifest = decode<stored::ReplicaManifest>(*bytes);
  VECTRON_CO_CHECK_OK(manifest);
  const auto format =
      check_format(manifest->format_version, "the folder " + env_->disk().whole_path(folder));
  VECTRON_CO_CHECK_OK(format);
  const std::string path = env_->disk().whole_path(fmt::format("{}/{}", folder, name));
  const auto fits = check_manifest(*manifest, replica, path);
  VECTRON_CO_CHECK_OK(fits);
  manifests_.emplace(replica, *manifest);
  if (*removing) {
    take_removed(replica);
    co_return Result<void>();
  }
  const auto state = recovered_.find(GroupId(manifest->group_id));
  if (state == recovered_.end() || !state->second.mark.has_value()) {
    const auto taken = co_await take_unlogged(replica);
    co_return taken;
  }
  const auto found = co_await look_for_generation(replica, state->second.mark->generation);
  co_return found;
}

// A removal that was cut short: what is left will not run. Whoever ordered the removal sees that it
// is still there and does so again.
void ReplicaHost::take_removed(ReplicaId replica) {
  env_->log().info(kComponent, "the removal of {} was cut short, and waits to be ordered again",
                   env_->disk().whole_path(folder_of(replica)));
  lost_.insert(replica);
}

// A folder without a manifest: a birth that a crash cut short, unless the log or what lies in the
// folder says that it took part.
Task<Result<void>> ReplicaHost::take_unnamed(ReplicaId replica) {
  const std::string folder = folder_of(replica);
  for (const auto& [group, state] : recovered_) {
    if (env_->planted("remove_unnamed_replica")) break;
    if (!state.mark || !state.mark->meta.membership.is_voter(replica)) continue;
    keep_as_lost(replica, fmt::format("{}/{} is missing, and the write-ahead log has it in group "
                                      "{}: put the file back",
                                      env_->disk().whole_path(folder), kReplicaManifest, group));
    co_return Result<void>();
  }
  const auto removed = co_await remove_birth_remains(replica);
  co_return removed;
}

// A folder that the log does not name: the birth was cut short before its record, so it is empty
// and goes; or the log is lost, and then nothing that is left is thrown away.
Task<Result<void>> ReplicaHost::take_unlogged(ReplicaId replica) {
  const auto removed = co_await remove_birth_remains(replica);
  VECTRON_CO_CHECK_OK(removed);
  if (!lost_.contains(replica)) manifests_.erase(replica);
  co_return Result<void>();
}

Task<Result<void>> ReplicaHost::remove_birth_remains(ReplicaId replica) {
  const std::string folder = folder_of(replica);
  const auto more = co_await more_than_birth(env_, folder, config_.replica.kv);
  if (more.has_value() && !env_->planted("remove_unnamed_replica")) {
    keep_as_lost(replica, fmt::format("the write-ahead log knows nothing of it, and {}: put back "
                                      "what is missing of {} or {}",
                                      *more, env_->disk().whole_path(std::string(kLogFolder)),
                                      env_->disk().whole_path(folder)));
    co_return Result<void>();
  }
  env_->log().info(kComponent, "{} is removed: its birth was cut short",
                   env_->disk().whole_path(folder));
  const auto removed = co_await env_->disk().remove_tree(folder);
  co_return removed;
}

void ReplicaHost::keep_as_lost(ReplicaId replica, std::string_view why) {
  env_->log().error(kComponent,
                    "replica {} is lost and will not vote, and its folder is kept as it is: {}",
                    replica, why);
  lost_.insert(replica);
}

// Other generations go when the replica has started from this one (Replica::start).
Task<Result<void>> ReplicaHost::look_for_generation(ReplicaId replica, uint64_t generation) {
  const std::string path =
      fmt::format("{}/{}{}", folder_of(replica), kGenerationPrefix, generation);
  const auto found = co_await env_->disk().exists(path);
  VECTRON_CO_CHECK_OK(found);
  if (!*found) {
    keep_as_lost(replica, fmt::format("{} is missing: put it back", env_->disk().whole_path(path)));
  }
  co_return Result<void>();
}

const stored::ReplicaManifest* ReplicaHost::manifest_of(GroupId group) const {
  for (const auto& [replica, manifest] : manifests_) {
    if (manifest.group_id == group.value()) return &manifest;
  }
  return nullptr;
}

ReplicaHost::Presence ReplicaHost::presence(GroupId group, ReplicaId replica) const {
  if (lost_.contains(replica)) return Presence::lost;
  const auto running = replicas_.find(group);
  if (running != replicas_.end()) {
    return running->second->spec().self == replica ? Presence::running : Presence::lost;
  }
  if (manifests_.contains(replica)) return Presence::born;
  // The log knows the group, but there is no folder: it was lost.
  return took_part_.contains(group) ? Presence::lost : Presence::absent;
}

bool ReplicaHost::took_part(GroupId group) const {
  return took_part_.contains(group);
}

Task<Result<void>> ReplicaHost::bear(stored::ReplicaManifest manifest) {
  unborn_.insert(ReplicaId(manifest.replica_id));
  return bear_whole(std::move(manifest));
}

Task<Result<void>> ReplicaHost::remove_unborn(ReplicaId replica) {
  const auto removed = co_await env_->disk().remove_tree(folder_of(replica));
  VECTRON_CO_CHECK_OK(removed);
  unborn_.erase(replica);
  co_return Result<void>();
}

Task<Result<void>> ReplicaHost::bear_whole(stored::ReplicaManifest manifest) {
  const GroupId group(manifest.group_id);
  const ReplicaId replica(manifest.replica_id);
  VECTRON_ASSERT(presence(group, replica) == Presence::absent);
  const ReplicaName name{group, replica, config_.node};
  if (observer_ != nullptr) observer_->on_birth(name);
  if (wal_->is_full()) {
    co_return fail(Code::resource_exhausted, "the disk is full: no replica is made now");
  }
  manifest.format_version = kFormatVersion;
  manifest.cluster_id = config_.cluster.value();
  manifest.node_id = config_.node.value();
  manifest.generation = 1;
  const std::string folder = folder_of(replica);
  const auto cleared = co_await env_->disk().remove_tree(folder);
  VECTRON_CO_CHECK_OK(cleared);
  const auto made = co_await env_->disk().create_directory(folder);
  VECTRON_CO_CHECK_OK(made);
  const auto named = co_await env_->disk().sync_directory(std::string(kReplicasFolder));
  VECTRON_CO_CHECK_OK(named);
  {
    auto store = co_await KvStore::open(env_, folder + "/generation-1", config_.replica.kv);
    VECTRON_CO_CHECK_OK(store);
    co_await (*store)->close();
  }
  const auto written =
      co_await write_manifest(env_, folder, std::string(kReplicaManifest), encode(manifest));
  VECTRON_CO_CHECK_OK(written);
  // The record in the log is the birth: without it the folder is removed at the next start.
  WalGroupState state;
  state.mark = WalMark{1, raft::SnapshotMeta(), false};
  for (const ReplicaMember& member : spec_of(manifest).members) {
    state.mark->meta.membership.voters.push_back(member.replica);
  }
  WalBatch batch;
  batch.group = group;
  batch.mark = state.mark;
  unborn_.erase(replica);  // From here on it may be on record.
  const auto recorded = co_await wal_->append_and_sync(std::move(batch));
  VECTRON_CO_CHECK_OK(recorded);
  recovered_[group] = std::move(state);
  manifests_.emplace(replica, std::move(manifest));
  co_return Result<void>();
}

Task<Result<Replica*>> ReplicaHost::start(GroupId group,
                                          std::unique_ptr<StateMachine> state_machine) {
  const stored::ReplicaManifest* manifest = manifest_of(group);
  VECTRON_ASSERT(manifest != nullptr && !replicas_.contains(group), "group {}", group);
  const ReplicaId self(manifest->replica_id);
  WalGroupState state = std::move(recovered_.at(group));
  recovered_.erase(group);
  took_part_.insert(group);
  const Replica::Parts parts{.env = env_,
                             .wal = wal_.get(),
                             .links = links_,
                             .observer = observer_,
                             .incarnation = config_.incarnation,
                             .scrub_turn = &scrub_turn_,
                             .changed = &changed_};
  const auto replica = std::make_shared<Replica>(parts, config_.replica, spec_of(*manifest),
                                                 std::move(state_machine));
  replicas_.emplace(group, replica);
  const auto started = co_await replica->start(&state);
  if (started.has_value()) {
    unstarted_.erase(self);
    co_return replica.get();
  }
  if (started.error().code() == Code::data_loss) {
    const ReplicaName name{group, self, config_.node};
    if (observer_ != nullptr) observer_->on_stop(name, started.error());
    env_->log().error(kComponent, "replica {} of group {} is lost: {}", self, group,
                      started.error().to_string());
    lost_.insert(self);
    co_return fail(started.error());
  }
  co_await put_back(replica, std::move(state), started.error());
  co_return fail(started.error());
}

// Anything but damage may be well at the next try: no memory, no descriptors, no right to read. The
// others on this node go on, and this one can be started again or dropped.
Task<void> ReplicaHost::put_back(std::shared_ptr<Replica> replica, WalGroupState state,
                                 Status why) {
  const GroupId group = replica->spec().group;
  const ReplicaId self = replica->spec().self;
  // It is tried again and again; what is new is told once.
  if (std::exchange(unstarted_[self], why.message()) != why.message()) {
    env_->log().error(kComponent, "replica {} of group {} does not start, and is tried again: {}",
                      self, group, why.to_string());
  }
  co_await replica->stop(why);
  const auto found = replicas_.find(group);
  if (found == replicas_.end() || found->second != replica) co_return;  // It was dropped meanwhile.
  replicas_.erase(found);
  recovered_.emplace(group, std::move(state));
}

Task<Result<void>> ReplicaHost::drop(GroupId group, ReplicaId replica) {
  // Until all is gone it is something that must not run.
  lost_.insert(replica);
  const auto running = replicas_.find(group);
  if (running != replicas_.end() && running->second->spec().self == replica) {
    const std::shared_ptr<Replica> ending = running->second;
    replicas_.erase(running);
    co_await ending->stop(Status(Code::unavailable, "the replica is removed"));
  }
  const ReplicaName name{group, replica, config_.node};
  if (observer_ != nullptr) observer_->on_dropped(name);
  const auto freed = co_await remove_data(replica);
  VECTRON_CO_CHECK_OK(freed);
  if (!has_another(group, replica)) {
    WalBatch tombstone;
    tombstone.group = group;
    tombstone.dropped_replica = replica;
    if (!env_->planted("removal_leaves_log")) {
      const auto recorded = co_await wal_->append_and_sync(std::move(tombstone));
      VECTRON_CO_CHECK_OK(recorded);
    }
    recovered_.erase(group);
    took_part_.erase(group);
  }
  const auto finished = co_await finish_drop(group, replica);
  VECTRON_CO_CHECK_OK(finished);
  manifests_.erase(replica);
  lost_.erase(replica);
  unstarted_.erase(replica);
  env_->log().info(kComponent, "replica {} of group {} is removed", replica, group);
  co_return Result<void>();
}

// Then the group's log is that one's, whoever is named for removal.
bool ReplicaHost::has_another(GroupId group, ReplicaId replica) const {
  return std::ranges::any_of(manifests_, [&](const auto& known) {
    return known.first != replica && GroupId(known.second.group_id) == group;
  });
}

// Durable on return: from then on nobody misses what lies in the folder.
Task<Result<void>> ReplicaHost::begin_removal(ReplicaId replica) {
  const std::string folder = folder_of(replica);
  const auto named = co_await env_->disk().rename(fmt::format("{}/{}", folder, kReplicaManifest),
                                                  fmt::format("{}/{}", folder, kRemovedManifest));
  if (!named.has_value() && named.error().code() == Code::not_found) co_return Result<void>();
  VECTRON_CO_CHECK_OK(named);
  const auto synced = co_await env_->disk().sync_directory(folder);
  co_return synced;
}

// Removes all but the file that says so, which stays until the tombstone is durable.
Task<Result<void>> ReplicaHost::remove_data(ReplicaId replica) {
  const std::string folder = folder_of(replica);
  const auto begun = co_await begin_removal(replica);
  VECTRON_CO_CHECK_OK(begun);
  const auto names = co_await env_->disk().list(folder);
  if (!names.has_value() && names.error().code() == Code::not_found) co_return Result<void>();
  VECTRON_CO_CHECK_OK(names);
  for (const std::string& name : *names) {
    if (name == kRemovedManifest) continue;
    const std::string path = fmt::format("{}/{}", folder, name);
    const bool is_folder = name.starts_with(kGenerationPrefix);
    auto removed = is_folder ? env_->disk().remove_tree(path) : env_->disk().remove(path);
    const auto done = co_await std::move(removed);
    VECTRON_CO_CHECK_OK(done);
  }
  co_return Result<void>();
}

// Removes the folder of a replica whose tombstone is durable, then lets go of the tombstone.
Task<Result<void>> ReplicaHost::finish_drop(GroupId group, ReplicaId replica) {
  const auto removed = co_await env_->disk().remove_tree(folder_of(replica));
  VECTRON_CO_CHECK_OK(removed);
  const auto synced = co_await env_->disk().sync_directory(std::string(kReplicasFolder));
  VECTRON_CO_CHECK_OK(synced);
  wal_->forget_dropped(group, replica);
  co_return Result<void>();
}

std::shared_ptr<Replica> ReplicaHost::find(GroupId group) const {
  const auto found = replicas_.find(group);
  return found == replicas_.end() ? nullptr : found->second;
}

Task<void> ReplicaHost::hand_over_all(Instant deadline) {
  Clock& clock = env_->clock();
  const bool endless = env_->planted("drain_waits_for_ever");
  while (endless || clock.monotonic() < deadline) {
    size_t leading = 0;
    for (const auto& [group, replica] : replicas_) {
      const bool alone = replica->spec().members.size() == 1;
      if (!replica->is_leader() || (alone && !endless)) continue;
      ++leading;
      // Nobody may be able to take over at this moment; it is asked for again until somebody is.
      const auto asked = replica->hand_over();
      if (!asked.has_value()) env_->log().debug(kComponent, "{}", asked.error().to_string());
    }
    if (leading == 0) co_return;
    co_await clock.sleep_for(kHandOverLook);
  }
}

Task<void> ReplicaHost::tick_loop() {
  while (true) {
    co_await env_->clock().sleep_for(config_.replica.tick_interval);
    std::optional<GroupId> next = tick_some(std::nullopt);
    while (next.has_value()) {
      co_await env_->clock().sleep_for(Duration::zero());
      next = tick_some(next);
    }
    look_at_log();
  }
}

// Thousands of groups have their ticks in many turns of the event loop. Empty after the last one.
std::optional<GroupId> ReplicaHost::tick_some(std::optional<GroupId> after) {
  auto next = after.has_value() ? replicas_.upper_bound(*after) : replicas_.begin();
  for (size_t ticks = 0; next != replicas_.end(); ++next) {
    if (++ticks > kTicksPerTurn) return std::prev(next)->first;
    const std::shared_ptr<Replica>& replica = next->second;
    // It is being put back, or tries again: why it did not start ends nobody else.
    if (unstarted_.contains(replica->spec().self)) continue;
    replica->tick();
    if (replica->damaged()) {
      lost_.insert(replica->spec().self);  // Fenced; the others on this node are well.
    } else if (!replica->failure().ok()) {
      ended_.set(replica->failure());
    }
  }
  return std::nullopt;
}

void ReplicaHost::look_at_log() {
  if (!wal_->failure().ok()) ended_.set(wal_->failure());
  if (!wal_->over_retention()) return;
  for (const WalPinning& pinning : wal_->groups_pinning()) {
    if (const auto replica = find(pinning.group)) replica->compact(true);
  }
}

Task<void> ReplicaHost::end_with(Event* stop) {
  co_await stop->wait();
  ended_.set(Status());
}

Task<Result<void>> ReplicaHost::run_until(Event* stop) {
  if (stop != nullptr) tasks_.spawn(end_with(stop));
  co_await ended_.wait();
  const Status status = ended_.get();
  if (!status.ok()) co_return fail(status);
  co_return Result<void>();
}

}  // namespace vectron
