// The checks of a whole KvStore: at once when it is opened, in slices by the scrubber.
#include <fmt/format.h>

#include <array>

#include "core/kv/kv_environment.h"

namespace vectron::detail {

using kv_format::Space;

namespace {

std::unexpected<Status> nobody_waits() {
  return fail(Code::cancelled, "nobody waits for the check of the key-value store");
}

}  // namespace

Result<void> KvEnvironment::verify_blocking(KeyPresence* presence, const GivenUp& given_up) {
  if (given_up) return nobody_waits();
  VECTRON_TRY(const std::unique_ptr<KvTransaction> view, KvTransaction::begin(this));
  VECTRON_TRY(const std::optional<kv_format::Header> header, view->header());
  if (!header) return damage("the header of the key-value store is gone");

  kv_format::Header found;
  std::array<uint64_t, kv_format::kBucketCount> sums{};
  VECTRON_CHECK_OK(view->scan_stored({}, [&](ByteView stored_key, ByteView stored) -> Result<bool> {
    if (given_up) return nobody_waits();
    const auto space = static_cast<Space>(stored_key.empty() ? 255 : stored_key[0]);
    if (space > Space::record) return damage("the key-value store holds a foreign key");
    const ByteView key = stored_key.subspan(1);
    const std::optional<ByteView> value = checked(space, key, stored);
    if (!value) return damage("a value of the key-value store is damaged");
    const uint64_t hash = kv_format::split(stored)->hash;
    if (space == Space::content) {
      sums[kv_format::bucket_of(key)] += hash;
      found.content_digest += hash;
      ++found.item_count;
    } else if (space == Space::record) {
      found.record_digest += hash;
    }
    if (space != Space::system) presence->insert(presence->hash_of(space, key));
    return true;
  }));
  if (believes_absence()) return {};

  for (size_t bucket = 0; bucket < kv_format::kBucketCount; ++bucket) {
    VECTRON_TRY(const kv_format::Row row, view->row(bucket / kv_format::kRowBuckets));
    if (row[bucket % kv_format::kRowBuckets] != sums[bucket]) {
      return damage(
          fmt::format("keys of bucket {} of the key-value store are gone or foreign", bucket));
    }
  }
  if (found.item_count != header->item_count || found.content_digest != header->content_digest ||
      found.record_digest != header->record_digest) {
    return damage("the key-value store does not hold what its header says");
  }
  return {};
}

Result<KvScrubbed> KvEnvironment::scrub_blocking(const Bytes& from, size_t bytes_max) {
  VECTRON_TRY(const std::unique_ptr<KvTransaction> view, KvTransaction::begin(this));
  KvScanRange range;
  range.from = from;
  range.bytes_max = bytes_max;
  KvScrubbed out;
  VECTRON_TRY(out.next, view->scan(range, [](ByteView, ByteView) { return true; }, &out.sum));
  if (out.next) return out;
  // The end: what is beside the content is little, and its digests are compared here.
  VECTRON_TRY(const std::optional<kv_format::Header> header, view->header());
  if (!header) return damage("the header of the key-value store is gone");
  uint64_t row_sum = 0;
  for (size_t number = 0; number < kv_format::kRowCount; ++number) {
    VECTRON_TRY(const kv_format::Row row, view->row(number));
    for (const uint64_t sum : row) row_sum += sum;
  }
  if (row_sum != header->content_digest) {
    return damage("the digests of the key-value store do not agree");
  }
  VECTRON_CHECK_OK(view->check_records());
  return out;
}

}  // namespace vectron::detail
