// Every failpoint (base/failpoints.def) with every action that means something there, one after the
// other, on one running Parley: no luck involved. People write, log in and read meanwhile; after
// each fault everything is acknowledged, stored once, and shown once and in order. tests/failpoints
// runs them all.
#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

#include "base/failpoint.h"
#include "proto/verbs.h"
#include "tests/e2e/people.h"

namespace parley::test {
namespace {

constexpr Duration recovery = 25s;  // a request may live 10 s and be sent again after it

// What somebody does that leads past the point.
enum class Deed { send, catch_up, log_in };

struct Case {
  std::string point;
  std::string action;
  Deed deed;
  std::uint16_t verb;  // 0: the point does not know it

  friend void PrintTo(const Case& c, std::ostream* out) { *out << c.point << ' ' << c.action; }
};

// Points within the one round trip that appends a message: the database itself fails there.
constexpr std::array sql_points{"wk_after_seq_update", "wk_after_insert", "wk_before_commit"};

std::vector<Case> cases_within_the_database() {
  std::vector<Case> cases;
  for (const char* point : sql_points)
    for (const char* action : {"terminate", "conflict", "stall"})
      cases.push_back({point, action, Deed::send, 0});
  return cases;
}

bool is_within_database(const Case& fault) {
  return std::ranges::find(sql_points, fault.point) != sql_points.end();
}

std::uint16_t verb_of(Deed deed) {
  constexpr std::array verbs{Verb::c2c_send, Verb::c2c_pull, Verb::login_password};
  return static_cast<std::uint16_t>(verbs[static_cast<std::size_t>(deed)]);
}

bool knows_verb(Failpoint point) {
  using enum Failpoint;
  constexpr std::array points{gw_before_forward, gw_after_forward,  gw_before_reply,
                              wk_after_recv,     broker_after_recv, broker_after_reply_recv,
                              wk_before_reply};
  return std::ranges::find(points, point) != points.end();
}

std::vector<Case> each(Failpoint point, std::vector<std::string> actions, Deed deed = Deed::send) {
  std::vector<Case> cases;
  for (std::string& action : actions)
    cases.push_back({std::string(name_of(point)), std::move(action), deed,
                     knows_verb(point) ? verb_of(deed) : std::uint16_t{0}});
  return cases;
}

std::vector<Case> all_cases() {
  using enum Failpoint;
  std::vector<Case> all;
  const auto add = [&all](std::vector<Case> some) {
    std::ranges::move(some, std::back_inserter(all));
  };
  add(each(gw_after_read, {"crash", "stall", "fail"}));
  add(each(gw_before_forward, {"crash", "stall", "fail"}));
  add(each(gw_after_forward, {"crash", "stall"}));
  add(each(gw_before_reply, {"crash", "stall", "drop"}));
  add(each(broker_after_recv, {"crash", "stall", "drop", "twice"}));
  add(each(broker_before_route, {"crash", "stall"}));
  add(each(broker_after_reply_recv, {"crash", "stall", "drop", "twice"}));
  add(each(wk_after_recv, {"crash", "stall", "fail", "drop"}));
  add(each(wk_before_begin, {"crash", "stall", "fail"}));
  add(each(wk_after_commit_before_reply, {"crash", "stall", "fail"}));
  add(each(wk_before_reply, {"crash", "stall", "drop"}));
  add(each(wk_after_reply, {"crash", "stall", "drop"}));
  add(each(wk_before_route_lookup, {"crash", "stall", "fail"}));
  add(each(wk_mid_fanout, {"crash", "stall", "drop", "twice"}));
  add(each(sync_after_query, {"crash", "stall", "fail"}, Deed::catch_up));
  add(each(wk_before_reply, {"crash", "stall", "drop"}, Deed::catch_up));
  add(each(gw_before_reply, {"crash", "stall", "drop"}, Deed::catch_up));
  add(each(login_after_verify_before_token, {"crash", "stall", "fail"}, Deed::log_in));
  add(each(wk_before_reply, {"crash", "stall", "drop"}, Deed::log_in));
  add(cases_within_the_database());
  return all;
}

// Triggers that do at each point what the one row of parley_fault.armed says, once: a sequence
// counts that, because it is not undone with the transaction.
constexpr auto triggers = R"(
  CREATE SCHEMA parley_fault;
  GRANT USAGE ON SCHEMA parley_fault TO PUBLIC;
  CREATE TABLE parley_fault.armed (point text, action text);
  CREATE SEQUENCE parley_fault.taken;
  GRANT SELECT ON parley_fault.armed TO PUBLIC;
  GRANT ALL ON SEQUENCE parley_fault.taken TO PUBLIC;
  CREATE FUNCTION parley_fault.strike() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
  DECLARE
    what text;
  BEGIN
    SELECT action INTO what FROM parley_fault.armed WHERE point = TG_ARGV[0];
    IF what IS NULL OR nextval('parley_fault.taken') > 1 THEN RETURN NULL; END IF;
    CASE what
      WHEN 'terminate' THEN PERFORM pg_terminate_backend(pg_backend_pid());
      WHEN 'conflict' THEN RAISE EXCEPTION 'failpoint' USING ERRCODE = '40001';
      WHEN 'stall' THEN PERFORM pg_sleep(5);
    END CASE;
    RETURN NULL;
  END $$;
  CREATE TRIGGER fault AFTER UPDATE ON parley.conversation
    FOR EACH ROW EXECUTE FUNCTION parley_fault.strike('wk_after_seq_update');
  CREATE TRIGGER fault AFTER INSERT ON parley.log
    FOR EACH ROW EXECUTE FUNCTION parley_fault.strike('wk_after_insert');
  CREATE CONSTRAINT TRIGGER late_fault AFTER INSERT ON parley.log
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION parley_fault.strike('wk_before_commit'))";

class Parley {
 public:
  Parley() : directory_("/tmp/parley-failpoints-" + std::to_string(::getpid())) {
    std::filesystem::create_directories(directory_);
    // Brokers, workers and gateways may run as another user than the test.
    std::filesystem::permissions(directory_, std::filesystem::perms::all);
    const std::string file = "FAILPOINT_FILE=" + armed();
    cluster_ =
        std::make_unique<Cluster>(ClusterOptions{.brokers = 2,
                                                 .workers = 2,
                                                 .gateways = 2,
                                                 .broker_environment = {file},
                                                 .worker_environment = with_cheap_logins(file),
                                                 .gateway_environment = {file}});
    for (const std::string& process : processes()) cluster_->expect_exit(process);
    if (cluster_->ready()) cluster_->sql(triggers);
  }
  ~Parley() {
    cluster_.reset();
    std::filesystem::remove_all(directory_);
  }

  Cluster& cluster() { return *cluster_; }
  std::string armed() const { return directory_ + "/armed"; }

  void arm(const Case& fault) {
    disarm();
    if (is_within_database(fault)) {
      cluster_->sql("INSERT INTO parley_fault.armed VALUES ('" + fault.point + "', '" +
                    fault.action + "')");
      return;
    }
    std::ofstream(armed() + ".new")
        << fault.point << ' ' << fault.action << ' ' << fault.verb << '\n';
    std::filesystem::rename(armed() + ".new", armed());
  }
  void disarm() {
    std::filesystem::remove(armed());
    std::filesystem::remove(armed() + ".taken");
    cluster_->sql("TRUNCATE parley_fault.armed; SELECT setval('parley_fault.taken', 1, false)");
  }
  bool took_hold(const Case& fault) {
    if (!is_within_database(fault)) return std::filesystem::exists(armed() + ".taken");
    return cluster_->sql("SELECT is_called FROM parley_fault.taken").at(0).at(0) == "t";
  }

  // What crashed is started again, and named.
  std::vector<std::string> restart_crashed() {
    std::vector<std::string> crashed;
    for (const std::string& process : processes()) {
      if (cluster_->is_running(process)) continue;
      cluster_->start(process);
      crashed.push_back(process);
    }
    return crashed;
  }

 private:
  static std::vector<std::string> with_cheap_logins(const std::string& file) {
    return {file, "PARLEY_LOGIN_HASH_OPERATIONS=1", "PARLEY_LOGIN_HASH_MEMORY_KIB=8"};
  }
  static std::vector<std::string> processes() {
    return {"broker-1", "broker-2", "worker-1", "worker-2", "gateway-1", "gateway-2"};
  }

  std::string directory_;
  std::unique_ptr<Cluster> cluster_;
};

class Failpoints : public testing::TestWithParam<Case> {
 protected:
  static void SetUpTestSuite() { parley_ = std::make_unique<Parley>(); }
  static void TearDownTestSuite() { parley_.reset(); }

  void SetUp() override {
    ASSERT_TRUE(cluster().ready() && cluster().wait_ready());
    parley_->disarm();
    world_.emplace(cluster());
    alice_.emplace(*world_, unique_name("alice"));
    bob_.emplace(*world_, unique_name("bob"));
    ASSERT_TRUE(alice_->sign_up());
    ASSERT_TRUE(bob_->sign_up());
    ASSERT_TRUE((*alice_)->send(bob_->user(), "0", soon));
    expect_message(*bob_, "0");
  }

  // A fault that ends a process that it should not, ends it unseen by what was expected so far.
  void TearDown() override {
    for (const std::string& process : parley_->restart_crashed())
      ADD_FAILURE() << process << " has ended:\n" << cluster().log(process);
  }

  Cluster& cluster() { return parley_->cluster(); }
  ConversationId conversation() { return direct_conversation(alice_->user(), bob_->user()); }
  std::string rows() {
    return cluster()
        .sql("SELECT count(*) FROM parley.log WHERE conversation = " +
             std::to_string(conversation().value))
        .at(0)
        .at(0);
  }
  void write(int from, int to) {
    for (int i = from; i <= to; ++i)
      ASSERT_TRUE(alice_->client().send(conversation(), std::to_string(i)));
  }
  // Until the fault took hold; then what crashed is started again.
  void expect_fault(const Case& fault) {
    ASSERT_TRUE((*alice_)->run_until(recovery, [&] { return parley_->took_hold(fault); }))
        << "nobody came to the point";
    if (fault.action != "crash") return;
    std::vector<std::string> crashed;
    ASSERT_TRUE((*alice_)->run_until(recovery, [&] {
      if (crashed.empty()) crashed = parley_->restart_crashed();
      return !crashed.empty();
    })) << "nothing crashed";
    EXPECT_EQ(crashed.size(), 1u);
  }
  // A login that was disturbed is tried again by itself.
  void until_ready(Device& device, const Status& first) {
    if (first) return;
    ASSERT_TRUE(device->run_until(recovery, [&] { return device.client().is_ready(); }))
        << first.error().detail;
  }
  bool all_acknowledged() {
    return (*alice_)->run_until(recovery, [&] { return alice_->client().unacknowledged() == 0; });
  }
  // Everything is acknowledged, stored once, seen once and in order.
  void expect_all(int last) {
    ASSERT_TRUE(all_acknowledged())
        << alice_->client().unacknowledged() << " were not acknowledged";
    const auto wanted = static_cast<std::size_t>(last) + 1;
    ASSERT_TRUE(
        (*bob_)->run_until(recovery, [&] { return bob_->numbers(*alice_).size() >= wanted; }))
        << "bob has " << bob_->numbers(*alice_).size() << " of " << wanted;
    EXPECT_EQ(rows(), std::to_string(wanted)) << "stored another number of times";
    const auto entries = bob_->log().entries(conversation(), Seq{}, 1'000);
    ASSERT_EQ(entries->size(), wanted);
    for (std::size_t i = 0; i < wanted; ++i) EXPECT_EQ((*entries)[i].body, std::to_string(i));
  }

  static inline std::unique_ptr<Parley> parley_;
  std::optional<World> world_;
  std::optional<Device> alice_;
  std::optional<Device> bob_;
  std::optional<Device> phone_;  // bob's
};

TEST_P(Failpoints, NothingIsLostDoubledOrOutOfOrder) {
  const Case& fault = GetParam();
  switch (fault.deed) {
    case Deed::send:
      parley_->arm(fault);
      write(1, 5);
      break;
    case Deed::catch_up:
      bob_->switch_off();
      write(1, 5);
      ASSERT_TRUE(all_acknowledged());
      parley_->arm(fault);
      until_ready(*bob_, bob_->come_back());
      break;
    case Deed::log_in:
      write(1, 5);
      parley_->arm(fault);
      phone_.emplace(*world_, bob_->name(), client::DeviceClass::mobile);
      until_ready(*phone_, phone_->log_in(Device::password));
      break;
  }
  expect_fault(fault);
  // A push is a hint: one that was lost is found by the next one's number.
  write(6, 6);
  expect_all(6);
}

std::string name_of_case(const testing::TestParamInfo<Case>& info) {
  constexpr std::array deeds{"", "_at_catching_up", "_at_login"};
  return info.param.point + "_" + info.param.action +
         deeds[static_cast<std::size_t>(info.param.deed)];
}

INSTANTIATE_TEST_SUITE_P(Every, Failpoints, testing::ValuesIn(all_cases()), name_of_case);

}  // namespace
}  // namespace parley::test
