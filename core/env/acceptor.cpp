#include "core/env/acceptor.h"

#include <algorithm>

#include "core/async/combine.h"
#include "core/env/goodbye.h"
#include "core/env/surplus.h"

namespace vectron {
namespace {

constexpr Duration kAcceptPause = 10ms;  // After a failed accept: descriptors may be used up.
constexpr size_t kGoodbyesMax = 64;      // Peers that are being turned away at once.
constexpr Duration kGoodbyeTime = 1s;
/// How long somebody waits for whom there is no room, and how seldom: a crowd is not waited for.
constexpr Duration kRoomPatience = 1ms;
constexpr Duration kRoomPatiencePause = 20ms;

}  // namespace

Acceptor::Acceptor(Env& env, Config config, const PeerHolder* holder, Hooks hooks)
    : env_(env),
      config_(config),
      holder_(*holder),
      hooks_(std::move(hooks)),
      turned_away_(1s),
      tasks_(env.scheduler()) {}

Result<void> Acceptor::start(const Address& address) {
  VECTRON_ASSERT(listener_ == nullptr, "a server starts once");
  VECTRON_TRY(listener_, env_.network().listen(address));
  tasks_.spawn(accept_connections());
  return {};
}

const Address& Acceptor::address() const {
  VECTRON_ASSERT(listener_ != nullptr);
  return listener_->address();
}

std::vector<Address> Acceptor::addresses() const {
  VECTRON_ASSERT(listener_ != nullptr);
  return listener_->addresses();
}

void Acceptor::stop() {
  tasks_.cancel_all();
  listener_.reset();
}

Task<void> Acceptor::accept_connections() {
  for (;;) {
    Result<std::unique_ptr<Connection>> accepted = co_await listener_->accept();
    if (!accepted.has_value()) {
      env_.log().warning(config_.name, "accept failed: {}", accepted.error().to_string());
      co_await env_.clock().sleep_for(kAcceptPause);
      continue;
    }
    const bool surplus = as_surplus(**accepted) != nullptr;
    if (!surplus && !has_room_for(**accepted)) co_await wait_for_room();
    if (has_room_for(**accepted)) {
      hooks_.take(*std::move(accepted));
    } else {
      turn_away(*std::move(accepted));
    }
  }
}

// After a pause of the process many connections are accepted at once whose peers have long gone,
// and the server sees that only when it reads from them.
Task<void> Acceptor::wait_for_room() {
  const Instant now = env_.clock().monotonic();
  if (waited_ != Instant() && now - waited_ < kRoomPatiencePause) co_return;
  waited_ = now;
  co_await env_.clock().sleep_for(kRoomPatience);
}

bool Acceptor::has_room_for(const Connection& connection) const {
  return as_surplus(connection) == nullptr && hooks_.connections() < config_.connections_max &&
         holder_.counter().connections_from(connection.peer().text) < config_.host_connections_max;
}

void Acceptor::turn_away(std::unique_ptr<Connection> connection) {
  env_.metrics().add(config_.refused);
  if (config_.watcher != nullptr) config_.watcher->turned_away(&holder_, connection->peer().text);
  const Surplus* const surplus = as_surplus(*connection);
  const bool told = goodbyes_ < kGoodbyesMax && (surplus == nullptr || surplus->may_be_told());
  refused_.without_descriptor += surplus != nullptr ? 1 : 0;
  refused_.without_word += told ? 0 : 1;
  log_refused(*connection);
  if (!told) return connection->close();
  tasks_.spawn(say_goodbye(std::move(connection)));
}

void Acceptor::log_refused(const Connection& last) {
  const uint64_t count = turned_away_.note(env_.clock().monotonic());
  if (count == 0) return;
  env_.log().warning(
      config_.name,
      "{} connections were refused, the last of {}: connections_max is {}, and one host may have "
      "{}; for {} of them the process had no descriptor left (its limit of open files), and {} "
      "were closed without a word, for too many came at once",
      count, last.peer().text, config_.connections_max,
      std::min(config_.host_connections_max, config_.connections_max), refused_.without_descriptor,
      refused_.without_word);
  refused_ = {};
}

Task<void> Acceptor::say_goodbye(std::unique_ptr<Connection> connection) {
  ++goodbyes_;
  Clock& clock = env_.clock();
  const Instant deadline = clock.scheduler_time(clock.monotonic() + kGoodbyeTime);
  auto telling = tell_and_end(connection.get(), hooks_.goodbye());
  co_await with_deadline(&clock.scheduler(), deadline, std::move(telling));
  --goodbyes_;
}

}  // namespace vectron
