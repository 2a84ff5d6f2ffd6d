// One HTTP client that searches: one connection, kept alive, one request at a time.
//
// The requests are written before the clock runs, and the answers are read after it stopped, so
// that the server's time is what is measured.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/env/network.h"
#include "services/daemon/demo_dataset.h"
#include "tests/bench/suite/database.h"

namespace vectron::bench {

class HttpSearcher {
 public:
  /// Errors: unavailable.
  static Result<HttpSearcher> connect(const Address& address);
  HttpSearcher(HttpSearcher&& other) noexcept;
  HttpSearcher& operator=(HttpSearcher&&) = delete;
  ~HttpSearcher();

  void prepare(const std::string& collection, const demo::Images& queries, size_t ef);
  /// Searches with every query. Errors: unavailable; internal (an answer that is no search reply).
  Result<Answers> search();

 private:
  explicit HttpSearcher(int socket) : socket_(socket) {}
  Result<std::string> exchange(const std::string& request);

  int socket_;
  std::vector<std::string> requests_;
};

}  // namespace vectron::bench
