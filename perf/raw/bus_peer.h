// One peer of bar 3: a DEALER that registers, answers pings, and packs what it says into batches, or
// does not. Behind zmq_proxy it says the same envelopes and neither registers nor packs.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "perf/raw/dealer.h"
#include "proto/envelope.h"

namespace parley::perf {

// What stands between clients and workers.
enum class Middle { broker, proxy };
// Whether peers put several envelopes into one ZeroMQ message, as ours do (bus/batch.h). They
// understand what a broker packs in either case.
enum class Packing { single, batched };

class BusPeer {
 public:
  enum class Role { client, worker };
  struct Options {
    std::string endpoint;
    std::string name;
    Role role = Role::client;
    Middle middle = Middle::broker;
    Packing packing = Packing::single;
    std::optional<CurveClient> curve = {};
  };
  // An envelope that is not the bus's own business. `route`: where the answer goes, for say().
  using OnEnvelope =
      std::function<void(const Envelope& envelope, std::string_view bytes, std::string_view route)>;

  BusPeer(ZeroMq& zmq, const Options& options);

  Dealer& dealer() { return dealer_; }
  InstanceId instance() const { return instance_; }
  BootId boot() const { return boot_; }

  // Registers as soon as there is a connection. True: what is said from now on reaches somebody.
  bool is_ready();
  // Everything that waits, at most some hundred messages; then what was said meanwhile goes out.
  void read(const OnEnvelope& on_envelope);
  void say(std::string_view route, std::string_view bytes);
  void flush();
  // Something came that does not belong here; empty: all is well.
  const std::string& failure() const { return failure_; }

 private:
  void take(std::string_view bytes, const OnEnvelope& on_envelope);
  void register_us();

  Options options_;
  Dealer dealer_;
  InstanceId instance_;
  BootId boot_;
  bool asked_ = false;
  bool ready_ = false;
  Dealer::Message incoming_;
  std::vector<std::string> mail_;
  std::string batch_;
  std::string failure_;
};

}  // namespace parley::perf
