#include "services/daemon/demo_progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace vectron::demo {

Progress::Progress() : terminal_(isatty(STDERR_FILENO) != 0) {}

void Progress::begin(const std::string& step) {
  end();
  step_ = step;
  open_ = true;
  shown_percent_ = -1;
  if (!terminal_) fmt::print(stderr, "{}\n", step_);
  show(0);
}

void Progress::show(double share) {
  constexpr int kWidth = 30;
  const int percent = static_cast<int>(std::clamp(share, 0.0, 1.0) * 100);
  if (!terminal_ || percent == shown_percent_) return;
  shown_percent_ = percent;
  const int filled = percent * kWidth / 100;
  fmt::print(stderr, "\r\x1b[K[{:#>{}}{:->{}}] {:3} %  {}", "", filled, "", kWidth - filled,
             percent, step_);
  std::fflush(stderr);
}

void Progress::end() {
  if (!open_) return;
  show(1);
  if (terminal_) fmt::print(stderr, "\n");
  open_ = false;
}

}  // namespace vectron::demo
