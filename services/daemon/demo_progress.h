// What the demo shows on standard error while it works.
#pragma once

#include <string>

namespace vectron::demo {

/// One line that is drawn over and over on a terminal; elsewhere a line for each step.
class Progress {
 public:
  Progress();

  /// Begins a step; ends the one before.
  void begin(const std::string& step);
  /// Shows the share of the step that is done, 0 to 1.
  void show(double share);
  /// Ends the last step.
  void end();

 private:
  bool terminal_;
  bool open_ = false;
  std::string step_;
  int shown_percent_ = -1;
};

}  // namespace vectron::demo
