#include "sim/oracle/violation.h"

namespace vectron::sim {

const std::vector<OracleInfo>& oracles() {
  static const std::vector<OracleInfo> kOracles = {
      {oracle::kLinearizability, "each point is a linearizable register (Wing-Gong-Lowe)"},
      {oracle::kAcknowledgedWrites, "no acknowledged write is missing from the final state"},
      {oracle::kEventualReads,
       "an eventual read finds what was written, and nothing of the future"},
      {oracle::kReadFreshness,
       "a linearizable answer stands at or after every write acknowledged before it was asked"},
      {oracle::kVersions, "a version of a point names one value"},
      {oracle::kRaftSafety, "Raft's five safety properties over all groups"},
      {oracle::kDurability, "no node finds what it had made durable damaged or gone"},
      {oracle::kConvergence, "every replica runs and has applied everything once all is quiet"},
      {oracle::kReplicaDigest, "replicas at the same applied index have the same content"},
      {oracle::kSearch, "a search equals the model at the indexes that its answer names"},
      {oracle::kIndexCoverage,
       "an index that was loaded, restored, rebuilt or checkpointed finds exactly the points of "
       "its "
       "time"},
      {oracle::kIndexReach, "walks lead to every node of a graph that was restored or mended"},
      {oracle::kSearchRecall, "the recall of approximate searches stays above its floor"},
      {oracle::kAvailability, "every shard takes a write and a read within 30 s of the last fault"},
      {oracle::kCounts,
       "a second after the last write a collection's counts are those of its points"},
      {oracle::kPlacement, "epochs only grow; replicas of a shard on distinct failure domains"},
      {oracle::kLives,
       "a removed collection answers nothing more; its name's next one sees nothing of it"},
      {oracle::kRot, "no index comes back from a checkpoint of which rotten bytes were read"},
      {oracle::kOrders, "no node obeys an older order than before, or bears what it has removed"},
      {oracle::kRemoval,
       "once all is quiet no worker has a folder or a log of a removed replica, and its log has "
       "all "
       "others"},
      {oracle::kExactlyOnce, "a write that is repeated under its request id happens once"},
      {oracle::kContract,
       "every answer can be read, and no valid request is refused as a wrong one"},
      {oracle::kSnapshots, "a follower that was filled anew goes on from the log"},
      {oracle::kFullDisk,
       "nodes that start on full disks, and have no other trouble, elect leaders"},
      {oracle::kPeers,
       "what waits for peers is counted, bounded and given back; who is hostile is cut off, and "
       "keeps nobody out"},
      {oracle::kOrderlyStop, "a node that is told to stop ends by itself, in time"},
      {oracle::kBounds, "nothing that a process keeps for others is above its bound"},
      {oracle::kLoop, "no event of a node works on its loop for more than 5 ms"},
      {oracle::kWorkload,
       "the run did what it set out to do: enough operations, enough of them definite"},
      {oracle::kCrash, "no assertion, sanitizer report or signal"},
      {oracle::kHang, "a run ends within its wall-clock bound"},
      {oracle::kDeterminism, "the same plan gives the same trace twice"},
  };
  return kOracles;
}

}  // namespace vectron::sim
