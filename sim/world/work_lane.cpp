#include "sim/world/work_lane.h"

#include <coroutine>

namespace vectron::sim {

struct WorkLane::Awaiter {
  explicit Awaiter(Job* j) : job(j) {}
  Awaiter(const Awaiter&) = delete;
  Awaiter& operator=(const Awaiter&) = delete;
  ~Awaiter();
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> h) noexcept { handle = h; }
  void await_resume() const noexcept {}

  Job* job;
  std::coroutine_handle<> handle;
};

class WorkLane::Job final : public QueuedEvent {
 public:
  Job(WorkLane* lane, uint64_t number, std::shared_ptr<Slot> slot, std::function<void()> work)
      : lane_(*lane), number_(number), slot_(std::move(slot)), work_(std::move(work)) {
    slot_->job = this;
  }
  ~Job() override { slot_->job = nullptr; }

  void begin() {
    if (!slot_->runs_at_begin) {
      lane_.scheduler_.post_at(*this, slot_->end);
    } else if (slot_->begin > lane_.scheduler_.now()) {
      lane_.scheduler_.post_at(*this, slot_->begin);
    } else {
      run_work();
      lane_.scheduler_.post_at(*this, slot_->end);
    }
  }
  void moved() {
    cancel();
    lane_.scheduler_.post_at(*this, slot_->runs_at_begin ? slot_->begin : slot_->end);
  }
  Awaiter* awaiter = nullptr;

 protected:
  void fire() override {
    const bool ended = !slot_->runs_at_begin || work_ == nullptr;
    if (work_ != nullptr) run_work();
    if (!ended) {
      lane_.scheduler_.post_at(*this, slot_->end);
      return;
    }
    Awaiter* waiting = awaiter;
    if (waiting != nullptr) waiting->job = nullptr;
    lane_.jobs_.erase(number_);  // Destroys this.
    if (waiting != nullptr) waiting->handle.resume();
  }

 private:
  void run_work() {
    const std::function<void()> work = std::exchange(work_, nullptr);
    work();
  }

  WorkLane& lane_;
  const uint64_t number_;
  const std::shared_ptr<Slot> slot_;
  /// Empty once it has run.
  std::function<void()> work_;
};

WorkLane::Awaiter::~Awaiter() {
  if (job != nullptr) job->awaiter = nullptr;
}

WorkLane::WorkLane(Scheduler* scheduler) : scheduler_(*scheduler) {}

WorkLane::~WorkLane() {
  // A dropped function may own what asks for the lane while it goes: take the jobs out first.
  std::map<uint64_t, std::unique_ptr<Job>> dropped = std::move(jobs_);
  jobs_.clear();
}

Task<void> WorkLane::run(Slot slot, std::function<void()> work) {
  return run(std::make_shared<Slot>(slot), std::move(work));
}

Task<void> WorkLane::run(std::shared_ptr<Slot> slot, std::function<void()> work) {
  VECTRON_ASSERT(work != nullptr && slot->begin <= slot->end);
  const uint64_t number = next_job_++;
  auto owned = std::make_unique<Job>(this, number, std::move(slot), std::move(work));
  Job* job = owned.get();
  jobs_.emplace(number, std::move(owned));
  Awaiter awaiter(job);
  job->awaiter = &awaiter;
  job->begin();
  co_await awaiter;
}

void WorkLane::put_off(Slot* slot, Duration by) {
  VECTRON_ASSERT(slot->begin > scheduler_.now());
  slot->begin += by;
  slot->end += by;
  if (slot->job != nullptr) slot->job->moved();
}

}  // namespace vectron::sim
