#include "tests/unit/client/simulation.h"

#include <algorithm>

#include "proto/common.pb.h"

namespace parley::client::test {

std::size_t Simulation::add_device(const std::string& user, UserId id) {
  server.add_user(user, id);
  devices.emplace_back().user = user;
  restart(devices.size() - 1);
  return devices.size() - 1;
}

void Simulation::restart(std::size_t index) {
  Device& device = devices[index];
  if (device.connection != 0) server.disconnect(device.connection);
  device.connection = 0;
  device.core = std::make_unique<ClientCore>(
      options_, Credentials{.name = device.user, .password = "password"}, *device.log,
      chance.next());
  EXPECT_TRUE(device.core->load(DeviceId{index + 1}, now));
  device.core->start(now);
  perform(index);
}

void Simulation::cut(std::size_t index) {
  Device& device = devices[index];
  if (device.connection == 0) return;
  server.disconnect(device.connection);
  device.connection = 0;
  device.core->on_closed({Errc::disconnected, "cut"}, now);
  perform(index);
}

void Simulation::at(Instant when, std::function<void()> what) {
  events_.emplace(when, std::move(what));
}

void Simulation::run_for(Duration time) {
  const Instant end = now + time;
  while (now < end) {
    Instant next = end;
    if (!events_.empty()) next = std::min(next, events_.begin()->first);
    for (const Device& device : devices) {
      if (const auto due = device.core->next_deadline()) next = std::min(next, std::max(now, *due));
    }
    now = next;
    while (!events_.empty() && events_.begin()->first <= now)
      events_.extract(events_.begin()).mapped()();
    for (std::size_t i = 0; i < devices.size(); ++i) {
      const auto due = core(i).next_deadline();
      if (!due || *due > now) continue;
      core(i).tick(now);
      perform(i);
    }
  }
}

void Simulation::perform(std::size_t index) {
  for (auto actions = core(index).take_actions(); !actions.empty();
       actions = core(index).take_actions()) {
    for (Action& action : actions) {
      Device& device = devices[index];
      if (std::holds_alternative<Dial>(action)) dial(index);
      else if (auto* frame = std::get_if<Transmit>(&action)) to_server(index, std::move(*frame));
      else if (std::holds_alternative<HangUp>(action)) {
        server.disconnect(device.connection);
        device.connection = 0;
      } else if (auto* done = std::get_if<SendDone>(&action)) device.results.push_back(*done);
      else if (auto* added = std::get_if<MessageAdded>(&action))
        device.messages[added->entry.conversation].push_back(added->entry);
      else if (auto* moved = std::get_if<ReceiptMoved>(&action)) {
        Cursors& peer = device.peer[moved->conversation];
        if (moved->user == core(index).user()) continue;
        EXPECT_EQ(Cursors::furthest(peer, moved->cursors), moved->cursors) << "never goes back";
        peer = moved->cursors;
      } else if (auto* state = std::get_if<StateChanged>(&action)) device.states.push_back(*state);
      else if (std::holds_alternative<Synced>(action)) ++device.synced;
      else if (auto* failed = std::get_if<LogFailed>(&action))
        ADD_FAILURE() << failed->error.detail;
      else if (auto* call = std::get_if<CallBack>(&action)) call->answer(std::move(call->result));
    }
  }
}

Instant Simulation::arrival(Instant& free) {
  free = std::max(free, now + chance.between(1ms, std::max(Duration(1ms), faults.delay_max)));
  return free;
}

void Simulation::dial(std::size_t index) {
  Device& device = devices[index];
  const int connection = ++connections_made_;
  device.connection = connection;
  device.up_free = device.down_free = now;
  const bool is_refused = happens(faults.refuse);
  at(now + 1ms, [this, index, connection, is_refused] {
    if (devices[index].connection != connection) return;
    if (is_refused) return cut(index);
    core(index).on_open(now);
    perform(index);
  });
}

void Simulation::to_server(std::size_t index, Transmit frame) {
  const int connection = devices[index].connection;
  EXPECT_NE(connection, 0) << "a frame without a connection";
  at(arrival(devices[index].up_free), [this, index, connection, frame = std::move(frame)] {
    if (devices[index].connection == connection) on_server(index, connection, frame);
  });
}

void Simulation::on_server(std::size_t index, int connection, const Transmit& frame) {
  if (happens(faults.cut)) return cut(index);
  const bool is_request = frame.header.kind == FrameKind::request;
  const bool is_lost = is_request && happens(faults.lose_request);
  const bool is_error = is_request && !is_lost && happens(faults.answer_error);
  std::vector<ServerFrame> out;
  if ((!is_lost && !is_error) || chance.below(2) == 0)
    out = server.handle(connection, frame.header, frame.body);
  const auto is_answer = [&](const ServerFrame& f) { return f.connection == connection; };
  if (is_lost || is_error) std::erase_if(out, is_answer);
  if (is_error) {
    wire::ErrorBody body;
    body.set_code(static_cast<std::uint32_t>(Errc::retry_later));
    body.set_retry_after_ms(static_cast<std::uint32_t>(chance.below(300)));
    FrameHeader header = frame.header;
    header.kind = FrameKind::error;
    out.push_back({connection, header, body.SerializeAsString()});
  }
  for (ServerFrame& one : out) {
    if (one.header.kind == FrameKind::notice) {
      if (happens(faults.lose_push)) continue;
      if (happens(faults.repeat_push)) to_client(one);
    }
    to_client(std::move(one));
  }
}

// Workers answer out of step with each other: a frame may be overtaken before it enters its connection.
void Simulation::to_client(ServerFrame frame) {
  at(now + chance.between(0ms, faults.delay_max), [this, frame = std::move(frame)] {
    const auto device = std::ranges::find(devices, frame.connection, &Device::connection);
    if (device == devices.end()) return;
    const auto index = static_cast<std::size_t>(device - devices.begin());
    at(arrival(device->down_free), [this, index, frame] {
      if (devices[index].connection != frame.connection) return;
      if (happens(faults.cut)) return cut(index);
      core(index).on_frame({frame.header, frame.body}, now);
      perform(index);
    });
  });
}

}  // namespace parley::client::test
