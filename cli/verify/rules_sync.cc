#include <algorithm>
#include <unordered_map>

#include "cli/verify/check.h"
#include "cli/verify/figures.h"

namespace parley::verify {
namespace {

using Found = std::vector<std::string>;

// Something known to be true from a moment on, as numbers that only grow: the greatest one that was
// known before a given moment.
class Known {
 public:
  void learn(Instant at, Seq seq) { learnt_.emplace_back(at, seq); }
  Seq before(Instant at) {
    if (!sorted_) sort();
    const auto after = std::ranges::lower_bound(learnt_, at, {}, &Entry::first);
    return after == learnt_.begin() ? Seq{} : std::prev(after)->second;
  }

 private:
  using Entry = std::pair<Instant, Seq>;
  void sort() {
    std::ranges::sort(learnt_);
    for (std::size_t i = 1; i < learnt_.size(); ++i)
      learnt_[i].second = std::max(learnt_[i].second, learnt_[i - 1].second);
    sorted_ = true;
  }
  std::vector<Entry> learnt_;
  bool sorted_ = false;
};

struct Place {
  Seq seq;
  Instant acked_at = Instant::max();
  friend auto operator<=>(const Place&, const Place&) = default;
};

// Every place of a log at which something is known to be, and when it was acknowledged at the
// latest.
using Places = std::unordered_map<ConversationId, std::vector<Place>>;

Places places_of(const HistoryIndex& index) {
  Places places;
  for (const auto& [where, rows] : index.rows) places[where.first].push_back({where.second});
  for (const auto& [where, view] : index.views)
    for (const Delivery& delivery : view.deliveries)
      places[view.conversation].push_back({delivery.what->seq});
  for (const auto& [key, message] : index.messages)
    if (const Attempt* acked = message.first_ok())
      places[key.conversation].push_back({acked->ok->seq, *acked->completed_at});
  for (auto& [conversation, log] : places) {
    std::ranges::sort(log);  // of one number the earliest ack first
    const auto same_number = [](const Place& a, const Place& b) { return a.seq == b.seq; };
    log.erase(std::unique(log.begin(), log.end(), same_number), log.end());
  }
  return places;
}

std::string page(const Pull& pull) {
  return std::string(pull.process) + "'s page of conversation " +
         std::to_string(pull.invoked->conversation.value) + " from " +
         std::to_string(pull.invoked->from.value) + " to " +
         std::to_string(pull.covered_to().value);
}

// Calls `missing` for each place that the page speaks for and does not have.
template <typename Missing>
void for_each_missing(const Pull& pull, const std::vector<Place>& log, Missing missing) {
  std::vector<Seq> has;
  for (const PageEntry& entry : pull.ok->entries) has.push_back(entry.seq);
  std::ranges::sort(has);
  auto place = std::ranges::lower_bound(log, pull.invoked->from, {}, &Place::seq);
  for (; place != log.end() && place->seq <= pull.covered_to(); ++place)
    if (!std::ranges::binary_search(has, place->seq)) missing(*place);
}

// "Everything up to here", and something below turns up later.
void cursor_skip(const HistoryIndex& index, Found& found) {
  const Places places = places_of(index);
  for (const Pull& pull : index.pulls) {
    const auto log = pull.ok ? places.find(pull.invoked->conversation) : places.end();
    if (log == places.end()) continue;
    for_each_missing(pull, log->second, [&](const Place& place) {
      if (place.acked_at >= pull.invoked_at)
        found.push_back(page(pull) + " lacks " + std::to_string(place.seq.value) +
                        ", which exists");
    });
  }
}

// What was acknowledged before a page was asked for is in it, and below its head.
void read_your_writes(const HistoryIndex& index, Found& found) {
  const Places places = places_of(index);
  std::unordered_map<ConversationId, Known> acked;
  for (const auto& [key, message] : index.messages)
    if (const Attempt* ok = message.first_ok())
      acked[key.conversation].learn(*ok->completed_at, ok->ok->seq);
  for (const Pull& pull : index.pulls) {
    const auto log = pull.ok ? places.find(pull.invoked->conversation) : places.end();
    if (log == places.end()) continue;
    const Seq known = acked[pull.invoked->conversation].before(pull.invoked_at);
    if (pull.ok->head < known)
      found.push_back(page(pull) + " says that the log ends at " +
                      std::to_string(pull.ok->head.value) + " after " +
                      std::to_string(known.value) + " was acknowledged");
    for_each_missing(pull, log->second, [&](const Place& place) {
      if (place.acked_at < pull.invoked_at)
        found.push_back(page(pull) + " lacks " + std::to_string(place.seq.value) +
                        ", which had been acknowledged");
    });
  }
}

void head_goes_back(const HistoryIndex& index, Found& found) {
  std::unordered_map<ConversationId, Known> heads;
  for (const Pull& pull : index.pulls)
    if (pull.ok) heads[pull.invoked->conversation].learn(*pull.ended_at, pull.ok->head);
  for (const Pull& pull : index.pulls) {
    if (!pull.ok) continue;
    const Seq known = heads[pull.invoked->conversation].before(pull.invoked_at);
    if (pull.ok->head < known)
      found.push_back(page(pull) + ": the log's end went back from " + std::to_string(known.value) +
                      " to " + std::to_string(pull.ok->head.value));
  }
}

void outside_of_question(const HistoryIndex& index, Found& found) {
  for (const Pull& pull : index.pulls) {
    if (!pull.ok) continue;
    Seq before;
    for (const PageEntry& entry : pull.ok->entries) {
      const bool asked = pull.invoked->from <= entry.seq && entry.seq <= pull.invoked->to;
      if (!asked || entry.seq <= before || entry.seq > pull.ok->head)
        found.push_back(page(pull) + " has " + std::to_string(entry.seq.value) +
                        ": not asked for, out of order, or past the end");
      before = entry.seq;
    }
  }
}

void cursor_regress(const HistoryIndex& index, Found& found) {
  head_goes_back(index, found);
  outside_of_question(index, found);
}

// A loop of questions, each from where the last answer ended.
struct Loop {
  std::size_t pages = 0;
  std::size_t entries = 0;
};

void livelock(const HistoryIndex& index, Found& found) {
  std::map<std::pair<std::string_view, ConversationId>, Loop> loops;
  for (const Pull& pull : index.pulls) {
    if (!pull.ok) continue;
    if (pull.ok->more && pull.ok->entries.empty())
      found.push_back(page(pull) + " is empty and says that there is more");
    Loop& loop = loops[{pull.process, pull.invoked->conversation}];
    loop.pages += 1;
    loop.entries += pull.ok->entries.size();
    if (loop.pages == loop.entries + 3)
      found.push_back(page(pull) + " is number " + std::to_string(loop.pages) + " of a loop of " +
                      std::to_string(loop.entries) + " entries");
    if (!pull.ok->more) loop = {};
  }
}

// What a page says of each place: the first page that spoke of it, for all others to agree with.
void push_differs_from_page(const HistoryIndex& index, Found& found) {
  std::unordered_map<ConversationId, std::unordered_map<Seq, std::uint64_t>> paged;
  for (const Pull& pull : index.pulls)
    if (pull.ok)
      for (const PageEntry& entry : pull.ok->entries)
        if (const auto [known, first] =
                paged[pull.invoked->conversation].try_emplace(entry.seq, entry.body);
            !first && known->second != entry.body)
          found.push_back("two pages have different bodies at " +
                          place(pull.invoked->conversation, entry.seq));
  const auto compare = [&](std::string_view device, const auto& pushed) {
    const auto log = paged.find(pushed.key.conversation);
    if (log == paged.end()) return;
    const auto known = log->second.find(pushed.seq);
    if (known != log->second.end() && known->second != pushed.body)
      found.push_back(std::string(device) + " was pushed another body than pages have at " +
                      place(pushed.key.conversation, pushed.seq));
  };
  for (const Event* event : index.pushes) compare(event->process, std::get<Pushed>(event->what));
  for (const auto& [where, view] : index.views)
    for (const Delivery& delivery : view.deliveries) compare(view.device, *delivery.what);
}

// Who was shown a receipt for an entry can get the entry.
void receipt_before_entry(const HistoryIndex& index, Found& found) {
  std::map<std::pair<std::string_view, ConversationId>, Known> shown;
  for (const Event& event : index.history.events())
    if (const auto* seen = std::get_if<ReceiptSeen>(&event.what))
      shown[{event.process, seen->conversation}].learn(event.at,
                                                       std::max(seen->received, seen->read));
  for (const Pull& pull : index.pulls) {
    const auto known = shown.find({pull.process, pull.invoked->conversation});
    if (!pull.ok || known == shown.end()) continue;
    const Seq seen = known->second.before(pull.invoked_at);
    if (pull.ok->head < seen)
      found.push_back(page(pull) + " ends before " + std::to_string(seen.value) +
                      ", for which it was shown a receipt");
  }
}

constexpr Duration lag_limit = 5s;

void late_push(const HistoryIndex& index, Found& found) {
  for (const Lag& lag : lags_of(index))
    if (lag.undisturbed && lag.length > lag_limit)
      found.push_back(std::string(lag.device) + ", connected and undisturbed, got " +
                      place(lag.conversation, lag.seq) + " " + std::to_string(to_ms(lag.length)) +
                      " ms after its ack");
}

constexpr Rule rules[] = {
    {"B6", "a page that speaks for a range has everything in it, now and later", cursor_skip},
    {"B7", "a log's end does not go back, and a page has what was asked for", cursor_regress},
    {"B8", "asking for the next page comes to an end", livelock},
    {"B9", "a push and a page say the same", push_differs_from_page},
    {"B10", "what was acknowledged is in every later page", read_your_writes},
    {"B11", "who was shown a receipt for an entry can get it", receipt_before_entry},
    {"B12", "undisturbed, a message is there within five seconds of its ack", late_push},
};

}  // namespace

std::span<const Rule> sync_rules() { return rules; }

}  // namespace parley::verify
