// A worker's services over an in-memory database, asked as the bus would ask them; time stands
// still until a test moves it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "proto/c2c.pb.h"
#include "proto/limits.h"
#include "proto/login.pb.h"
#include "proto/route.pb.h"
#include "store/memory/memory_store.h"
#include "workers/services.h"

namespace parley::test {

// Argon2id at the least cost, that remembers which hashes it was asked about.
class WatchedHasher final : public PasswordHasher {
 public:
  explicit WatchedHasher(HashCost cost = hash_cost_min) : real_(*Argon2idHasher::make(cost)) {}

  Result<std::string> hash(std::string_view password) const override {
    return real_.hash(password);
  }
  Result<Verdict> verify(const std::string& hash, std::string_view password) const override {
    verified.push_back(hash);
    return real_.verify(hash, password);
  }
  const std::string& nobodys_hash() const override { return real_.nobodys_hash(); }

  mutable std::vector<std::string> verified;

 private:
  Argon2idHasher real_;
};

// Who asks.
struct Session {
  UserId user = {};
  DeviceId device{7};
  Generation generation{1};
  std::uint64_t origin = 0;
};

struct Question {
  Session session = {};
  std::uint64_t target = 0;
  std::string body = {};
  std::uint8_t attempt = 1;
  InstanceId gateway{99};  // or the business system that asks
  std::uint64_t trace = 0;
};

class Bench {
 public:
  Bench() : Bench(LoginOptions{}) {}
  explicit Bench(const LoginOptions& options) : login(options) { restart(); }

  // New services over the same database: what another worker, or the next one, is.
  void restart() {
    services_ = make_services(*services_named(std::vector<std::string>{"all"}),
                              {log, users, routes, events, hasher, login});
  }

  UserId account(const std::string& name) {
    return *users.create_account({.name = name, .nickname = name, .password_hash = "-"});
  }

  void pass(Duration time) {
    moment.now += time;
    moment.wall_ms += to_ms(time);
  }

  Outcome ask_batch(Verb verb, const std::vector<Question>& questions) {
    std::vector<BusRequest> requests;
    for (const Question& question : questions) requests.push_back(request(verb, question));
    std::vector<const BusRequest*> pointers;
    for (const BusRequest& request : requests) pointers.push_back(&request);
    Outcome outcome = service_of(verb).run(static_cast<std::uint16_t>(verb), pointers, moment);
    deliveries = outcome.deliveries;
    return outcome;
  }

  // One request; its deliveries are in `deliveries` afterwards.
  Result<Answer> ask_raw(Verb verb, const Question& question) {
    return ask_batch(verb, {question}).answers.at(0);
  }

  template <typename Reply, typename Message>
  Result<Reply> ask(Verb verb, const Session& session, std::uint64_t target,
                    const Message& message) {
    const auto answer = ask_raw(verb, {session, target, message.SerializeAsString()});
    if (!answer) return tl::unexpected(answer.error());
    Reply reply;
    EXPECT_TRUE(reply.ParseFromString(answer->body));
    return reply;
  }

  static BusRequest request(Verb verb, const Question& question) {
    BusRequest request;
    request.header.verb = static_cast<std::uint16_t>(verb);
    request.header.user = question.session.user;
    request.header.device = question.session.device;
    request.header.generation = question.session.generation;
    request.header.origin = question.session.origin;
    request.header.target = question.target;
    request.header.attempt = question.attempt;
    request.header.key = question.target;
    request.header.ttl_ms = 10'000;
    request.header.id.gateway = question.gateway;
    request.header.trace = question.trace;
    request.body = question.body;
    return request;
  }

  Service& service_of(Verb verb) {
    for (Service& service : services_) {
      if (service.lane_of(static_cast<std::uint16_t>(verb))) return service;
    }
    ADD_FAILURE() << "no service has this verb";
    std::abort();
  }

  std::shared_ptr<MemoryDatabase> database = std::make_shared<MemoryDatabase>();
  MemoryLogStore log{database};
  MemoryUserStore users{database};
  MemoryRouteStore routes{database};
  MemoryEventStore events{database};
  WatchedHasher hasher;
  LoginOptions login;
  Moment moment{Instant(1h), 1'700'000'000'000};
  std::vector<Delivery> deliveries;

 private:
  std::vector<Service> services_;
};

template <typename T>
Errc code_of(const Result<T>& result) {
  EXPECT_FALSE(result.has_value()) << "it succeeded";
  return result ? Errc::internal : result.error().code;
}

// -- what tests say

inline std::string client_id(unsigned n) {
  std::string id(16, '\0');
  id[0] = static_cast<char>(n);
  id[1] = static_cast<char>(n >> 8);
  return id;
}

inline wire::SendRequest text(unsigned id, const std::string& body) {
  wire::SendRequest message;
  message.set_client_id(client_id(id));
  message.set_kind(wire::MESSAGE_KIND_TEXT);
  message.set_body(body);
  return message;
}

}  // namespace parley::test
