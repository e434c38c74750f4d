// Bytes that are no ZMTP, and connections that never become any (RELIABILITY §4.3), at both of a
// broker's doors.
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstring>

#include "base/random.h"
#include "tests/integration/bus/bad_input/besieged_broker.h"
#include "tests/support/ipv4.h"

namespace parley::test {
namespace {

// A stream socket, by the address of ZeroMQ.
class Stream {
 public:
  explicit Stream(const std::string& endpoint) {
    if (endpoint.starts_with("ipc://")) {
      sockaddr_un to{};
      to.sun_family = AF_UNIX;
      endpoint.copy(to.sun_path, sizeof to.sun_path - 1, std::strlen("ipc://"));
      dial(AF_UNIX, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    } else {
      const char* port = endpoint.data() + endpoint.rfind(':') + 1;
      std::uint16_t number = 0;
      std::from_chars(port, endpoint.data() + endpoint.size(), number);
      const sockaddr_in to = ipv4(INADDR_LOOPBACK, number);
      dial(AF_INET, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    }
  }
  ~Stream() { close(fd_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return;  // it has hung up: that is what we want
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  // Whether the other end hangs up within `limit`; what it says meanwhile is read.
  bool is_hung_up_on(Duration limit) {
    const Instant deadline = monotonic_now() + limit;
    char buffer[4'096];
    for (Instant now = monotonic_now(); now < deadline; now = monotonic_now()) {
      pollfd item{.fd = fd_, .events = POLLIN, .revents = 0};
      if (poll(&item, 1, static_cast<int>(to_ms(deadline - now))) <= 0) continue;
      if (recv(fd_, buffer, sizeof buffer, 0) <= 0) return true;
    }
    return false;
  }

 private:
  void dial(int family, const sockaddr* to, socklen_t size) {
    fd_ = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(connect(fd_, to, size), 0) << std::strerror(errno);
  }
  int fd_ = -1;
};

// ZMTP 3.x: signature, version, mechanism of 20 bytes, as-server, filler.
std::string greeting(std::string mechanism, char major = 3, char minor = 0) {
  mechanism.resize(20);
  return std::string("\xff\0\0\0\0\0\0\0\x01\x7f", 10) + major + minor + mechanism +
         std::string(32, '\0');
}

// A command or message frame with a short length.
std::string frame(char flags, std::string_view body) {
  return std::string(1, flags) + static_cast<char>(body.size()) + std::string(body);
}

class BadBytes : public BadInput {
 protected:
  std::vector<std::string> doors() {
    return {broker().files(Side::gateways), broker().files(Side::workers),
            broker().tcp(Side::gateways), broker().tcp(Side::workers)};
  }
  // Nothing of what a test writes may reach the broker itself.
  void SetUp() override {
    BadInput::SetUp();
    heard_before_ = heard();
  }
  void expect_nothing_heard() { EXPECT_EQ(heard(), heard_before_); }

 private:
  double heard() {
    return broker().counter("malformed") + broker().counter("strangers") +
           broker().counter("registrations_refused");
  }
  double heard_before_ = 0;
};

TEST_F(BadBytes, ThatAreNoZmtpEndTheConnection) {
  std::string noise;
  for (Random random(4); noise.size() < 100'000;) noise += static_cast<char>(random.next());
  const std::string client_hello =
      std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + noise.substr(0, 506);
  struct Row {
    const char* what;
    std::string bytes;
  };
  const std::vector<Row> rows{
      {"HTTP", "GET / HTTP/1.1\r\nHost: parley\r\n\r\n"},
      {"a TLS hello", client_hello},
      {"SSH", "SSH-2.0-OpenSSH_9.2\r\n"},
      {"noise", noise},
      {"zeros", std::string(100'000, '\0')},
      {"ones", std::string(100'000, '\xff')},
      {"a greeting, then noise", greeting("NULL") + noise},
      {"an encrypted greeting, then noise", greeting("CURVE") + noise},
      {"an unknown mechanism", greeting("PLAIN") + frame(4, "\x05HELLO\x01u\x01p")},
      {"a command that never ends",
       greeting("NULL") + std::string("\x06\x7f\xff\xff\xff\xff\xff\xff\xff", 9)},
      {"READY with broken properties",
       greeting("NULL") + frame(4, "\x05READY\x0bSocket-Type\xff\xff\xff\xffx")},
      {"READY of a SUB",
       greeting("NULL") + frame(4, std::string("\x05READY\x0bSocket-Type\0\0\0\x03SUB", 25))},
      {"an INITIATE before a HELLO",
       greeting("CURVE") + frame(4, "\x08INITIATE" + noise.substr(0, 200))},
      {"a HELLO of the wrong size",
       greeting("CURVE") + frame(4, "\x05HELLO" + noise.substr(0, 100))},
      {"a HELLO of noise", greeting("CURVE") + frame(4, "\x05HELLO" + noise.substr(0, 194))}};
  const auto try_all = [&](const std::vector<std::string>& at) {
    std::vector<std::pair<std::string, std::unique_ptr<Stream>>> streams;
    for (const Row& row : rows)
      for (const std::string& door : at) {
        streams.emplace_back(row.what + (" at " + door), std::make_unique<Stream>(door));
        streams.back().second->write(row.bytes);
      }
    for (const auto& [what, stream] : streams) EXPECT_TRUE(stream->is_hung_up_on(5s)) << what;
  };
  try_all({broker().tcp(Side::gateways), broker().tcp(Side::workers)});
  broker().settle();
  expect_nothing_heard();
  // Who may open the file is heard in any version of ZMTP, and may talk nonsense.
  try_all({broker().files(Side::gateways), broker().files(Side::workers)});
}

// Old versions know no mechanism: whoever speaks one would be let in without a key.
TEST_F(BadBytes, OfVersionsThatKnowNoKeysDoNotGetInToTheEncryptedDoor) {
  const std::string registration = gateway_named("gateway-old").bytes();
  const std::string unversioned =
      std::string("\x01\x00", 2) + static_cast<char>(registration.size() + 1) + '\0' + registration;
  const std::string message = frame(0, registration);
  const std::string identity = std::string("\x00\x00", 2);
  const std::string signature("\xff\0\0\0\0\0\0\0\x01\x7f", 10);
  for (const std::string& bytes : {unversioned, signature + '\x00' + '\x05' + identity + message,
                                   signature + '\x01' + '\x05' + identity + message,
                                   greeting("NULL") +
                                       frame(4, std::string("\x05READY\x0bSocket-Type\0\0\0\x06"
                                                            "DEALER",
                                                            28)) +
                                       message}) {
    Stream stream(broker().tcp(Side::gateways));
    stream.write(bytes);
    EXPECT_TRUE(stream.is_hung_up_on(5s));
  }
  broker().settle();
  expect_nothing_heard();
}

// ZeroMQ's own patience is 30 s, and each holds a file.
TEST_F(BadBytes, ThatDoNotComeAreWaitedForThreeSeconds) {
  std::vector<std::unique_ptr<Stream>> silent;
  for (const std::string& door : doors()) {
    for (const std::string& beginning :
         {std::string(), std::string("\xff", 1), greeting("NULL").substr(0, 12), greeting("CURVE")})
      for (int i = 0; i < 10; ++i) {
        silent.push_back(std::make_unique<Stream>(door));
        silent.back()->write(beginning);
      }
  }
  const Instant begin = monotonic_now();
  for (const auto& stream : silent) EXPECT_TRUE(stream->is_hung_up_on(6s));
  EXPECT_GE(monotonic_now() - begin, 1s);
  EXPECT_LE(monotonic_now() - begin, 6s);
  expect_nothing_heard();
}

TEST_F(BadBytes, ThatComeOneByOneGetNoMoreTime) {
  Stream slow(broker().tcp(Side::gateways));
  const std::string bytes = greeting("CURVE") + frame(4, "\x05HELLO");
  const Instant begin = monotonic_now();
  bool is_over = false;
  for (std::size_t i = 0; i < bytes.size() && !is_over; ++i) {
    slow.write(bytes.substr(i, 1));
    is_over = slow.is_hung_up_on(100ms);
  }
  EXPECT_TRUE(is_over);
  EXPECT_LE(monotonic_now() - begin, 5s);
}

TEST_F(BadBytes, ConnectionsThatComeAndGoLeaveNothing) {
  for (int i = 0; i < 500; ++i)
    for (const std::string& door : doors()) Stream(door).write(i % 2 == 0 ? "" : greeting("NULL"));
  expect_nothing_heard();
}

}  // namespace
}  // namespace parley::test
