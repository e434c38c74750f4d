#include "perf/raw/append.h"

#include <cstring>
#include <future>
#include <optional>

#include "base/ids.h"
#include "base/random.h"
#include "perf/postgres.h"

namespace parley::perf {
namespace {

constexpr const char* append_sql =
    "WITH grown AS ("
    "  UPDATE parley.conversation c SET head = c.head + n.entries, counted = c.counted + n.entries"
    "  FROM unnest($1::bigint[], $2::bigint[]) AS n(id, entries) WHERE c.id = n.id"
    "  RETURNING c.id, c.head - n.entries AS head, c.counted - n.entries AS counted)"
    "INSERT INTO parley.log (conversation, seq, time_ms, counted, client_id, sender, kind, body)"
    "  SELECT g.id, g.head + e.nth, e.time_ms, g.counted + e.nth, e.client_id, e.sender, 1, e.body"
    "  FROM unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::uuid[], $7::integer[], "
    "$8::bytea[])"
    "    AS e(conversation, nth, time_ms, client_id, sender, body)"
    "  JOIN grown g ON g.id = e.conversation"
    "  RETURNING conversation, seq";

// Appends to conversations that nobody else uses; one thread.
class Appender {
 public:
  Appender(Postgres connection, const RawAppendOptions& options)
      : connection_(std::move(connection)), options_(options), random_(secure_random_id()) {}

  Status open_conversations() {
    const std::uint64_t first = 1 + random_.below(1ULL << 29);
    PgParams params;
    params.add_array(PgType::bigint, options_.conversations);
    for (std::uint64_t i = 0; i < options_.conversations; ++i) {
      conversations_.push_back(
          direct_conversation(UserId{first + i}, UserId{(1ULL << 30) + first}));
      params.element(static_cast<std::int64_t>(conversations_.back().value));
    }
    PARLEY_CHECK(connection_.run("INSERT INTO parley.conversation (id) SELECT unnest($1::bigint[])",
                                 params));
    return connection_.prepare("append", append_sql);
  }

  Status append_until(Instant end, RawAppended& done) {
    for (Instant now = monotonic_now(); now < end;) {
      fill();
      PARLEY_TRY(const PgRows rows, connection_.run_prepared("append", params_));
      const Instant answered = monotonic_now();
      done.statements.record(answered - now);
      done.rows += static_cast<std::uint64_t>(rows.size());
      now = answered;
    }
    return {};
  }

  Result<std::uint64_t> rows_there() {
    PgParams params;
    params.add_array(PgType::bigint, conversations_.size());
    for (const ConversationId id : conversations_)
      params.element(static_cast<std::int64_t>(id.value));
    PARLEY_TRY(
        const PgRows rows,
        connection_.run("SELECT count(*) FROM parley.log WHERE conversation = ANY ($1)", params));
    return static_cast<std::uint64_t>(rows.bigint(0, 0));
  }

 private:
  // The next batch: rows dealt to the conversations in turn.
  void fill() {
    const std::size_t used = std::min(options_.batch, conversations_.size());
    params_.reset();
    params_.add_array(PgType::bigint, used);
    for (std::size_t i = 0; i < used; ++i) params_.element(conversation(i));
    params_.add_array(PgType::bigint, used);
    for (std::size_t i = 0; i < used; ++i) params_.element(rows_of(i, used));
    each_row(PgType::bigint, [&](std::size_t row) { params_.element(conversation(row % used)); });
    each_row(PgType::bigint,
             [&](std::size_t row) { params_.element(static_cast<std::int64_t>(row / used + 1)); });
    each_row(PgType::bigint, [&](std::size_t) { params_.element(wall_clock_ms()); });
    each_row(PgType::uuid, [&](std::size_t) { params_.element(new_client_id()); });
    each_row(PgType::integer, [&](std::size_t) { params_.element(std::int32_t{1}); });
    each_row(PgType::bytea, [&](std::size_t) { params_.element(new_body()); });
    // Each batch begins at another conversation, so that one-row batches use them all.
    offset_ += used;
  }

  template <typename Put>
  void each_row(PgType type, Put put) {
    params_.add_array(type, options_.batch);
    for (std::size_t row = 0; row < options_.batch; ++row) put(row);
  }

  std::int64_t conversation(std::size_t i) const {
    return static_cast<std::int64_t>(conversations_[(offset_ + i) % conversations_.size()].value);
  }
  std::int64_t rows_of(std::size_t i, std::size_t used) const {
    return static_cast<std::int64_t>((options_.batch - i + used - 1) / used);
  }
  std::string_view new_client_id() {
    const std::uint64_t halves[2] = {random_.next(), random_.next()};
    std::memcpy(client_id_, halves, sizeof client_id_);
    return {client_id_, sizeof client_id_};
  }
  // Random bytes as a real text would be for lz4: not one that shrinks to nothing.
  std::string_view new_body() {
    body_.resize(options_.body_bytes);
    for (std::size_t i = 0; i < body_.size(); i += 8) {
      const std::uint64_t chance = random_.next();
      std::memcpy(body_.data() + i, &chance, std::min<std::size_t>(8, body_.size() - i));
    }
    return body_;
  }

  Postgres connection_;
  const RawAppendOptions& options_;
  Random random_;
  PgParams params_;
  std::vector<ConversationId> conversations_;
  std::size_t offset_ = 0;
  char client_id_[16] = {};
  std::string body_;
};

Result<RawAppended> append_on_one_connection(const RawAppendOptions& options, Instant begin) {
  PARLEY_TRY(Postgres connection, Postgres::open(options.database_url));
  Appender appender(std::move(connection), options);
  PARLEY_CHECK(appender.open_conversations());
  RawAppended done;
  PARLEY_CHECK(appender.append_until(begin + options.length, done));
  done.took = monotonic_now() - begin;
  PARLEY_TRY(const std::uint64_t there, appender.rows_there());
  if (there != done.rows)
    return fail(Errc::io,
                std::to_string(done.rows) + " rows appended, " + std::to_string(there) + " there");
  return done;
}

}  // namespace

double RawAppended::rows_per_second() const {
  return static_cast<double>(rows) / std::chrono::duration<double>(took).count();
}

Result<RawAppended> raw_append(const RawAppendOptions& options) {
  std::vector<std::future<Result<RawAppended>>> running;
  const Instant begin = monotonic_now();
  for (unsigned i = 0; i < options.connections; ++i)
    running.push_back(std::async(std::launch::async, append_on_one_connection, options, begin));
  RawAppended all;
  std::optional<Error> failure;
  for (auto& thread : running) {
    auto one = thread.get();
    if (!one) {
      failure = one.error();
      continue;
    }
    all.rows += one->rows;
    all.took = std::max(all.took, one->took);
    all.statements.add(one->statements);
  }
  if (failure) return tl::unexpected<Error>(*failure);
  return all;
}

}  // namespace parley::perf
