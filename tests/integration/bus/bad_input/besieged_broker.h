// A parley-broker process of a test's own, whom all attack, and the proof that nobody else noticed:
// after each attack a fresh gateway and a fresh worker exchange a request over the file and over
// the encrypted port, by the same process, with no more memory and files than before.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "bus/curve.h"
#include "bus/principal.h"
#include "cli/spawn.h"
#include "tests/integration/bus/bad_input/raw_peer.h"
#include "tests/integration/bus/rig.h"

namespace parley::test {

class BesiegedBroker {
 public:
  // Its limits are small: 40 peers, 1,000 messages for a gateway that does not read.
  BesiegedBroker();
  ~BesiegedBroker();
  BesiegedBroker(const BesiegedBroker&) = delete;
  BesiegedBroker& operator=(const BesiegedBroker&) = delete;

  // Behind a file's mode, and encrypted.
  const std::string& files(Side side) const { return files_[index(side)]; }
  const std::string& tcp(Side side) const { return tcp_[index(side)]; }
  const std::string& server_key() const { return own_.public_key; }
  // What it takes to get in over tcp with these keys.
  RawPeer::Options with(const CurveKeyPair& keys) const;

  // Keys on its list: gateway-* and worker-* and hr; and always restless, whose rate a test uses up.
  CurveKeyPair gateway_keys = make_curve_key_pair();
  CurveKeyPair worker_keys = make_curve_key_pair();
  CurveKeyPair business_keys = make_curve_key_pair();
  CurveKeyPair restless_keys = make_curve_key_pair();
  // Takes a key from the list, or puts it back.
  void allow(const std::vector<CurveKeyPair>& keys);

  double counter(const std::string& name) const;  // "malformed"
  // Counters become metrics ten times a second: after this they tell what has happened before it.
  void settle() const;
  std::string log() const;
  // Whether it is the process that was started.
  bool lives();
  // Bytes. Nothing: not ours to see.
  std::size_t memory() const;
  std::optional<std::size_t> open_files() const;

 private:
  static std::size_t index(Side side) { return side == Side::workers ? 1 : 0; }
  void write_list(const std::vector<CurveKeyPair>& keys);
  void wait_ready();

  TempDir dir_;
  CurveKeyPair own_ = make_curve_key_pair();
  std::string files_[2];
  std::string tcp_[2];
  std::string metrics_;
  std::optional<Process> process_;
};

// One broker for all tests of the program. The rest of each test is the attack.
class BadInput : public testing::Test {
 protected:
  static void TearDownTestSuite();
  void SetUp() override;
  // Nobody else has noticed.
  void TearDown() override;

  BesiegedBroker& broker();
  // An attacker's connection.
  RawPeer at(Side side) { return RawPeer(broker().files(side)); }
  // These have to grow, each by at least so much, before the test ends.
  void must_count(const std::string& counter, double least = 1);
  // The audit: what the log has to tell, and of whom (a peer's name, a key); empty: of anybody.
  void must_log(const std::string& event, const std::string& about = {},
                const std::string& key = {});
  // A request of `gateway` for `worker`, on its way and back. Both are registered.
  static void expect_exchange(RawPeer& gateway, const Registration& asker, RawPeer& worker,
                              std::uint64_t number = 1);
  // What a single attack may cost for good.
  std::size_t memory_growth_max = 24 << 20;

 private:
  struct Audit {
    std::string event;
    std::string about;
    std::string key;
  };
  bool is_logged(const Audit& audit);
  void expect_service(const std::string& where, const std::string& gateways,
                      const std::string& workers, const RawPeer::Options& as_gateway,
                      const RawPeer::Options& as_worker);

  struct Expected {
    std::string counter;
    double from;
    double least;
  };
  std::vector<Expected> counters_;
  std::vector<Audit> audits_;
  std::size_t log_from_ = 0;
  std::size_t memory_before_ = 0;
  std::optional<std::size_t> files_before_;
};

inline constexpr auto verb_c2c = static_cast<std::uint16_t>(Verb::c2c_send);
inline std::uint16_t number_of(Errc code) { return static_cast<std::uint16_t>(code); }
inline EnvelopeHeader request_of(const Registration& who, std::uint64_t number) {
  return {.verb = verb_c2c,
          .key = 7,
          .id = {instance_id(who.name), BootId{who.boot}, number},
          .ttl_ms = 5'000};
}

}  // namespace parley::test
