#include "net/offload.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "core/base/assert.h"

namespace vectron {

/// One function on its way. `phase` decides between the thread that begins it and an awaiter that
/// takes it back.
struct Offload::Job {
  enum Phase : uint8_t { queued, begun, taken_back };

  std::function<void()> work;
  Weight weight = Weight::heavy;
  std::atomic<Phase> phase = queued;
  // The rest belongs to the loop's thread.
  bool computes_elsewhere = false;
  Awaiter* awaiter = nullptr;
  size_t position = 0;  // In State::in_pool.

  bool leave_queue(Phase to) {
    Phase expected = queued;
    return phase.compare_exchange_strong(expected, to);
  }
};

/// Shared with the pool's threads, so that a completion may come after the Offload is gone.
struct Offload::State : std::enable_shared_from_this<Offload::State> {
  State(EventLoop& loop_in, ThreadPool& pool_in, Limits limits_in)
      : loop(loop_in), pool(pool_in), limits(limits_in) {}

  EventLoop& loop;
  ThreadPool& pool;
  const Limits limits;
  // The awaiters of what waits are suspended callers: that is its bound.
  std::deque<std::shared_ptr<Job>> waiting;
  std::deque<std::shared_ptr<Job>> prompt_waiting;  // Goes into the pool by itself.
  std::vector<std::shared_ptr<Job>> in_pool;        // Within both limits.
  size_t prompt_in_pool = 0;

  std::mutex mutex;
  std::condition_variable all_done;
  size_t not_done = 0;   // Guarded by mutex: jobs that a pool thread may still touch.
  bool joining = false;  // Guarded by mutex.

  void add(std::shared_ptr<Job> job) {
    std::deque<std::shared_ptr<Job>>& line = line_of(*job);
    line.push_back(std::move(job));
    feed_pool();
  }

  std::deque<std::shared_ptr<Job>>& line_of(const Job& job) {
    return job.weight == Weight::prompt ? prompt_waiting : waiting;
  }

  void feed_pool() {
    while (!prompt_waiting.empty() && prompt_in_pool < kPromptInFlightMax) {
      ++prompt_in_pool;
      submit(take_first(&prompt_waiting), ThreadPool::Turn::ahead);
    }
    while (!waiting.empty() && in_pool.size() - prompt_in_pool < limits.jobs_in_flight_max) {
      std::shared_ptr<Job> job = take_first(&waiting);
      if (job->weight == Weight::light) {
        offer_to_loop(std::move(job));
      } else {
        submit(std::move(job), ThreadPool::Turn::in_line);
      }
    }
  }

  std::shared_ptr<Job> take_first(std::deque<std::shared_ptr<Job>>* line) {
    std::shared_ptr<Job> job = std::move(line->front());
    line->pop_front();
    job->position = in_pool.size();
    in_pool.push_back(job);
    return job;
  }

  void offer_to_loop(std::shared_ptr<Job> job);

  void submit(std::shared_ptr<Job> job, ThreadPool::Turn turn) {
    job->computes_elsewhere = limits.computes;
    if (job->computes_elsewhere) loop.computing_elsewhere_begins();
    {
      const std::lock_guard lock(mutex);
      ++not_done;
    }
    pool.submit([state = shared_from_this(),
                 job = std::move(job)]() mutable { on_pool_thread(*state, std::move(job)); },
                turn);
  }

  static void on_pool_thread(State& state, std::shared_ptr<Job> job) {
    if (job->leave_queue(Job::begun)) job->work();
    // The reference moves along, so that the last one never dies here.
    state.loop.post_from_thread(
        [state = state.shared_from_this(), job = std::move(job)] { state->finish(*job); });
    const std::lock_guard lock(state.mutex);
    if (--state.not_done == 0 && state.joining) state.all_done.notify_all();
  }

  void finish(Job& job);
  void end_computing(Job& job) {
    if (std::exchange(job.computes_elsewhere, false)) loop.computing_elsewhere_ends();
  }

  void take_back(const std::shared_ptr<Job>& job) {
    job->awaiter = nullptr;
    if (job->leave_queue(Job::taken_back)) job->work = nullptr;
    std::erase(line_of(*job), job);
  }

  void join() {
    for (auto* line : {&waiting, &prompt_waiting}) {
      for (const std::shared_ptr<Job>& job : *line) job->awaiter = nullptr;
      line->clear();
    }
    for (const std::shared_ptr<Job>& job : in_pool) {
      job->awaiter = nullptr;
      job->leave_queue(Job::taken_back);
    }
    {
      std::unique_lock lock(mutex);
      joining = true;
      all_done.wait(lock, [this] { return not_done == 0; });
    }
    for (const std::shared_ptr<Job>& job : in_pool) {
      job->work = nullptr;
      end_computing(*job);
    }
    in_pool.clear();
  }
};

/// A light job that the loop may do itself. Everything here is on the loop's thread.
class Offload::LoopWork final : public IdleWork {
 public:
  LoopWork(std::shared_ptr<State> state, std::shared_ptr<Job> job)
      : state_(std::move(state)), job_(std::move(job)) {}

  void run_here() override {
    if (job_->leave_queue(Job::begun)) job_->work();
    state_->finish(*job_);
  }
  void run_elsewhere() override {
    if (state_->joining) return;  // Its owner is gone, and has forgotten the job.
    state_->submit(job_, ThreadPool::Turn::ahead);
  }

 private:
  std::shared_ptr<State> state_;
  std::shared_ptr<Job> job_;
};

void Offload::State::offer_to_loop(std::shared_ptr<Job> job) {
  auto work = std::make_unique<LoopWork>(shared_from_this(), std::move(job));
  const auto refused = loop.offer_idle(std::move(work));
  if (refused != nullptr) refused->run_elsewhere();
}

class Offload::Awaiter final : public QueuedEvent {
 public:
  Awaiter(State& state, std::function<void()> work, Weight weight)
      : state_(state), job_(std::make_shared<Job>()) {
    job_->work = std::move(work);
    job_->weight = weight;
  }
  ~Awaiter() override {
    if (job_->awaiter == this) state_.take_back(job_);
  }
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    handle_ = handle;
    job_->awaiter = this;
    state_.add(job_);
  }
  void await_resume() const noexcept {}

 protected:
  void fire() override { handle_.resume(); }

 private:
  State& state_;
  std::shared_ptr<Job> job_;
  std::coroutine_handle<> handle_;
};

void Offload::State::finish(Job& job) {
  job.work = nullptr;
  if (joining) return;  // The loop's thread set it, and reads it here.
  end_computing(job);
  in_pool[job.position] = std::move(in_pool.back());
  in_pool[job.position]->position = job.position;
  in_pool.pop_back();
  if (job.weight == Weight::prompt) --prompt_in_pool;
  if (job.awaiter != nullptr) loop.scheduler().post(*std::exchange(job.awaiter, nullptr));
  feed_pool();
}

Offload::Offload(EventLoop& loop, ThreadPool& pool, Limits limits)
    : state_(std::make_shared<State>(loop, pool, limits)) {
  VECTRON_ASSERT(limits.jobs_in_flight_max > 0);
}

Offload::~Offload() {
  state_->join();
}

Task<void> Offload::run(std::function<void()> work, Weight weight) {
  Awaiter done(*state_, std::move(work), weight);
  co_await done;
}

Task<void> PoolCpu::run(CpuCost cost, std::function<void()> work) {
  if (cost.background) return background_.run(std::move(work));
  Offload::Weight weight = Offload::Weight::heavy;
  if (cost.nanoseconds <= CpuCost::kLightNanosecondsMax) weight = Offload::Weight::light;
  if (cost.prompt) weight = Offload::Weight::prompt;
  return foreground_.run(std::move(work), weight);
}

}  // namespace vectron
