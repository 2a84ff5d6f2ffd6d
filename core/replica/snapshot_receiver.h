// SnapshotReceiver: a snapshot that comes in, piece by piece, into a new generation of the store.
//
// Only when it is complete, checked and durable does Raft learn of it, and one record of the
// write-ahead log switches to it. A crash before that record leaves a folder that recovery removes;
// after it, the old folder. One snapshot comes at a time, one piece of it after the other. Owned by
// a Replica, lives on its event loop.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/async/sync.h"
#include "core/env/env.h"
#include "core/kv/kv_store.h"
#include "core/replica/raft_links.h"
#include "core/replica/state_machine.h"

namespace vectron::stored {
struct KeyValuePage;
}

namespace vectron {

class SnapshotReceiver {
 public:
  /// A snapshot that is whole, and its store.
  struct Received {
    raft::SnapshotMeta meta;
    uint64_t generation = 0;
    std::unique_ptr<KvStore> store;
  };
  struct Parts {
    /// It and the state machine outlive the receiver.
    Env* env = nullptr;
    const StateMachine* state_machine = nullptr;
    /// Whether the replica takes snapshots now: asked again after each turn of the event loop.
    std::function<bool()> is_open;
    /// The replica's folder.
    std::string folder;
    KvConfig kv;
  };

  explicit SnapshotReceiver(Parts parts);

  /// Whoever has a piece waits for its turn, and keeps it until the piece is dealt with.
  Task<Semaphore::Permit> turn() { return turn_.acquire(); }

  /// Begins the snapshot that `piece` is the first of, in place of another one that was not
  /// complete. Errors: of the disk.
  Task<Result<void>> begin(SnapshotPiece piece, uint64_t generation);
  /// Whether it is the next piece of the snapshot that comes in.
  bool expects(const SnapshotPiece& piece) const;
  /// Stores a piece that is expected; when it is the last one, the content is whole. After an error
  /// nothing is left of the snapshot. Errors: invalid_argument (pairs that fit nothing here),
  /// data_loss (not the sender's digest), unavailable (the replica does not take it any more), of
  /// the disk.
  Task<Result<void>> add(SnapshotPiece piece);
  /// Gives up what comes in, if anything does, and removes its folder.
  Task<void> drop();

  bool active() const { return bool(incoming_); }
  /// The offset of the piece that is wanted. Requires: active().
  uint64_t next_offset() const { return incoming_->next_offset; }
  /// The content is whole: what comes in is the snapshot that Raft is asked to switch to. Requires:
  /// active(), and its last piece was added. Returns what is set by installed().
  std::shared_ptr<Completion<Result<void>>> complete();
  /// Raft was asked, or will be. Null when nothing is complete.
  const Received* completed() const;
  /// Who it is from, as Raft is told. Requires: active().
  raft::Message install_message(ReplicaId self) const;
  /// Hands the store over to the replica. Requires: completed().
  Received take();
  /// Tells whoever waits for the switch how it ended; the next snapshot may come.
  void installed(Result<void> outcome);

 private:
  struct Incoming {
    Received content;
    ReplicaId from;
    /// The sending leader's.
    Term term;
    uint64_t next_offset = 0;
    bool complete = false;
  };

  Task<Result<void>> store_page(SnapshotPiece piece);
  Task<Result<void>> check_pairs(const stored::KeyValuePage* page, KvBatch* batch);

  Parts parts_;
  Semaphore turn_;
  std::optional<Incoming> incoming_;
  std::shared_ptr<Completion<Result<void>>> installed_;  // What its last piece waits for, or null.
};

}  // namespace vectron
