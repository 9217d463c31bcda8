#include "runtime/comm/watch/Watch.h"

#include "runtime/base/Error.h"
#include "runtime/comm/Launcher.h"
#include "runtime/comm/watch/Meeting.h"
#include "runtime/comm/watch/Verdict.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <poll.h>
#include <set>
#include <sys/eventfd.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace pfc::rt {
namespace {

using Clock = std::chrono::steady_clock;
using Kind = WatchMessage::Kind;
using Life = RankState::Life;

/// How long the judge gives the ranks to come to where they wait, and to fail
/// of the same cause. mpirun kills the ranks a second after it lost one.
constexpr double hearing = 0.5;
/// By when they have answered where they are.
constexpr double freshness = 0.1;
/// How long this rank's goodbyes may take.
constexpr double farewell = 2;

double secondsBetween(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

Clock::duration duration(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(
      std::chrono::duration<double>(seconds));
}

/// A line of its own, whatever the training thread is printing.
void printLine(const std::string &text) {
  bool terminal = isatty(STDERR_FILENO) || std::getenv("PFC_TERMINAL_COLUMNS");
  std::string line = fmt::format("{}{}\n", terminal ? "\n" : "", text);
  if (write(STDERR_FILENO, line.data(), line.size()) < 0)
    return; // nobody to tell
  markLastWords();
}

} // namespace

/// Everything but construction and the four functions below is in its thread.
class Watch::Thread {
public:
  Thread(Communicator &communicator, const WatchOptions &options)
      : activity(communicator.activity()), options(options),
        own(communicator.rank()), size(communicator.worldSize()),
        meeting(meet(communicator, options.tool)), wakeUp(eventfd(0, 0)),
        ranks(static_cast<size_t>(size)), heard(ranks.size(), Clock::now()) {
    for (auto &[judge, channel] : meeting.toJudges)
      heardJudge[judge] = Clock::now();
    worker = std::thread([this] { run(); });
  }

  ~Thread() {
    stopping = true;
    wake();
    worker.join();
    ::close(wakeUp);
  }

  void leave() {
    leaving = true;
    wake();
    std::unique_lock lock(mutex);
    left.wait_for(lock, duration(2 * farewell), [this] { return hasLeft; });
  }

  void fail(const std::string &why, int status) {
    {
      std::lock_guard lock(mutex);
      failure = why;
      failureStatus = status;
      hasFailed = true;
    }
    wake();
  }

private:
  double beat() const { return std::clamp(options.timeout / 10, 0.05, 1.0); }
  /// Silence longer than this is none of the network's delays. The rest of the
  /// timeout is for the verdict.
  double limit() const { return options.timeout - rest(); }
  double rest() const { return std::max(1.0, options.timeout / 5); }
  /// How long a rank that lost rank 0 waits for rank 1's verdict: rank 1 may
  /// notice the loss later than it does.
  double grace() const { return std::max(1.5, rest()); }
  bool isJudge() const { return own < judges; }

  void wake() {
    uint64_t one = 1;
    if (write(wakeUp, &one, sizeof one) < 0)
      return; // it is awake
  }

  void run() {
    Clock::time_point lastTurn = Clock::now();
    while (!stopping) {
      waitForNews();
      now = Clock::now();
      // A time in which this rank didn't run itself says nothing of others.
      if (double gap = secondsBetween(lastTurn, now); gap > 3 * beat())
        forgive(duration(gap));
      lastTurn = now;
      observeSelf();
      hearJudges();
      hearRanks();
      if (now - lastBeat > duration(beat()))
        sendBeats();
      if (leaving)
        sayGoodbye();
      else if (own == 0 || (isJudge() && rankZeroIsLost()))
        superviseJob();
      else
        superviseJudges();
    }
  }

  void waitForNews() {
    std::vector<pollfd> handles = {{wakeUp, POLLIN, 0}};
    for (const auto *channels : {&meeting.toJudges, &meeting.toRanks})
      for (const auto &[rank, channel] : *channels)
        if (channel.open())
          handles.push_back({channel.handle(), POLLIN, 0});
    poll(handles.data(), handles.size(),
         static_cast<int>(trouble ? freshness * 500 : beat() * 500));
    if (uint64_t count; handles[0].revents & POLLIN)
      if (read(wakeUp, &count, sizeof count) < 0)
        return;
  }

  void forgive(Clock::duration gap) {
    for (Clock::time_point &time : heard)
      time += gap;
    for (auto &[judge, time] : heardJudge)
      time += gap;
    lastMove += gap;
  }

  /// The training thread's state, as of now.
  void observeSelf() {
    Activity::Now seen = activity.now();
    if (seen.changes != lastChanges)
      lastMove = now;
    lastChanges = seen.changes;
    RankState &state = ranks[static_cast<size_t>(own)];
    state.place = seen.place->text;
    state.kind = seen.place->kind;
    state.step = seen.step;
    state.waits = seen.waits;
    state.since = secondsBetween(lastMove, now);
    heard[static_cast<size_t>(own)] = now;
    std::lock_guard lock(mutex);
    if (hasFailed && state.life == Life::Well) {
      state.life = Life::Failed;
      state.failure = failure;
      state.status = failureStatus;
      tellFailure();
    }
  }

  WatchMessage ownBeat() const {
    const RankState &state = ranks[static_cast<size_t>(own)];
    WatchMessage message;
    message.rank = own;
    message.placeKind = static_cast<uint8_t>(state.kind);
    message.step = state.step;
    message.waits = state.waits;
    message.since = state.since;
    copyText(state.place, message.text);
    return message;
  }

  void sendBeats() {
    lastBeat = now;
    for (auto *channels : {&meeting.toJudges, &meeting.toRanks})
      for (auto &[rank, channel] : *channels)
        if (channel.open())
          channel.sendBeat(ownBeat());
  }

  void tellFailure() {
    WatchMessage message;
    message.kind = Kind::Failed;
    message.rank = own;
    message.status = failureStatus;
    copyText(failure, message.text);
    for (auto &[judge, channel] : meeting.toJudges)
      channel.send(message);
  }

  /// As one of the ranks.
  void hearJudges() {
    for (auto &[judge, channel] : meeting.toJudges) {
      while (auto message = channel.receive()) {
        heardJudge[judge] = now;
        if (message->kind == Kind::Ask)
          channel.send(ownBeat());
        if (message->kind == Kind::Left)
          goneJudges.insert(judge);
        if (message->kind == Kind::Kill)
          killHere(message->machine.data(), message->pid);
        if (message->kind == Kind::End)
          std::_Exit(message->status); // the judge has said why
      }
    }
  }

  /// One that hangs can't end itself.
  void killHere(const std::string &machine, int pid) {
    if (meeting.machine == machine)
      kill(pid, SIGKILL);
  }

  bool lost(int judge) {
    auto found = meeting.toJudges.find(judge);
    if (found == meeting.toJudges.end() || goneJudges.count(judge))
      return false;
    return !found->second.open() ||
           secondsBetween(heardJudge[judge], now) > limit();
  }

  /// Rank 0 is lost, and rank 1 says nothing: it may be lost with it.
  void superviseJudges() {
    if (!lost(0)) {
      lostAt = now;
      return;
    }
    if (!lost(1) && secondsBetween(lostAt, now) < grace())
      return;
    end({fmt::format("rank {}: rank 0 ended, hangs, or lost its network", own),
         statusWorthRestart});
  }

  /// As a judge.
  void hearRanks() {
    for (auto &[rank, channel] : meeting.toRanks) {
      RankState &state = ranks[static_cast<size_t>(rank)];
      Clock::time_point &time = heard[static_cast<size_t>(rank)];
      while (auto message = channel.receive()) {
        time = now;
        take(*message, state, channel);
      }
      state.silence = secondsBetween(time, now);
      if (state.life == Life::Silent && state.silence <= limit())
        state.life = Life::Well;
      if (state.life == Life::Well && state.silence > limit())
        state.life = Life::Silent;
      if (!channel.open() &&
          (state.life == Life::Well || state.life == Life::Silent))
        state.life = Life::Ended;
    }
  }

  void take(const WatchMessage &message, RankState &state, Channel &channel) {
    switch (message.kind) {
    case Kind::Beat:
      state.place = message.text.data();
      state.kind = static_cast<Activity::Kind>(message.placeKind);
      state.step = message.step;
      state.waits = message.waits;
      state.since = message.since;
      return;
    case Kind::Failed:
      state.life = Life::Failed;
      state.failure = message.text.data();
      state.status = message.status;
      return;
    case Kind::Left: {
      state.life = Life::Left;
      WatchMessage answer;
      answer.kind = Kind::Left;
      channel.send(answer);
      return;
    }
    default:
      return;
    }
  }

  /// One that failed still judges, itself first.
  bool rankZeroIsLost() const {
    return ranks[0].life == Life::Ended || ranks[0].life == Life::Silent;
  }

  void superviseJob() {
    std::optional<Verdict> verdict = judge(ranks, limit());
    if (!verdict) {
      trouble.reset();
      return;
    }
    if (!trouble) {
      trouble = now;
      askAll();
    }
    double heardFor = secondsBetween(*trouble, now);
    if (heardFor > hearing || (allWait(ranks) && heardFor > freshness))
      end(*verdict);
    askAll();
  }

  void askAll() {
    if (now - lastAsk < duration(freshness / 2))
      return;
    lastAsk = now;
    WatchMessage ask;
    ask.kind = Kind::Ask;
    for (auto &[rank, channel] : meeting.toRanks)
      if (channel.open())
        channel.sendBeat(ask);
  }

  [[noreturn]] void end(const Verdict &verdict) {
    std::string advice =
        verdict.status == statusWorthRestart && !options.advice.empty()
            ? "; " + options.advice
            : "";
    if (ftrylockfile(stdout) == 0) // the training thread may hold it for ever
      std::fflush(stdout);
    printLine(
        fmt::format("{}: error: {}{}", options.tool, verdict.text, advice));
    std::vector<Seat> hanging;
    for (int rank : verdict.hang)
      if (auto seat = meeting.seats.find(rank); seat != meeting.seats.end())
        hanging.push_back(seat->second);
    for (const Seat &seat : hanging)
      tellToKill(seat);
    WatchMessage message;
    message.kind = Kind::End;
    message.status = verdict.status;
    tellRanks(message);
    std::this_thread::sleep_for(duration(0.05)); // they get it before we go
    for (const Seat &seat : hanging) // not before: mpirun would say so instead
      killHere(seat.machine, seat.pid);
    std::_Exit(verdict.status);
  }

  /// Ranks on its machine do.
  void tellToKill(const Seat &seat) {
    WatchMessage message;
    message.kind = Kind::Kill;
    message.pid = seat.pid;
    copyText(seat.machine, message.machine);
    tellRanks(message);
  }

  void tellRanks(const WatchMessage &message) {
    for (auto &[rank, channel] : meeting.toRanks)
      if (channel.open())
        channel.send(message);
  }

  /// Until everybody that hears from this rank knows.
  void sayGoodbye() {
    if (!goodbyeAt) {
      goodbyeAt = now;
      WatchMessage message;
      message.kind = Kind::Left;
      message.rank = own;
      for (auto &[judge, channel] : meeting.toJudges)
        channel.send(message);
    }
    bool done = true;
    for (auto &[judge, channel] : meeting.toJudges)
      done &= !channel.open() || goneJudges.count(judge) > 0;
    for (auto &[rank, channel] : meeting.toRanks)
      done &= !channel.open() ||
              ranks[static_cast<size_t>(rank)].life == Life::Left;
    if (!done && secondsBetween(*goodbyeAt, now) < farewell)
      return;
    stopping = true;
    std::lock_guard lock(mutex);
    hasLeft = true;
    left.notify_all();
  }

  Activity &activity;
  WatchOptions options;
  int own, size;
  Meeting meeting;
  int wakeUp;

  // What the training thread says.
  std::mutex mutex;
  std::condition_variable left;
  std::string failure;
  int failureStatus = 1;
  bool hasFailed = false, hasLeft = false;
  std::atomic<bool> leaving = false, stopping = false;

  // This thread's own.
  Clock::time_point now = Clock::now(), lastBeat = {}, lastAsk = {},
                    lastMove = now, lostAt = now;
  uint64_t lastChanges = 0;
  std::optional<Clock::time_point> trouble, goodbyeAt;
  std::map<int, Clock::time_point> heardJudge;
  std::set<int> goneJudges;
  std::vector<RankState> ranks; // a judge's; others know themselves only
  std::vector<Clock::time_point> heard;

  std::thread worker; // last: it uses all of the above
};

Watch::Watch(Communicator &communicator, const WatchOptions &options)
    : thread(std::make_unique<Thread>(communicator, options)),
      communicator(communicator) {}

Watch::~Watch() = default;

void Watch::leave() {
  {
    Doing doing(communicator.activity(), "the barrier at the end",
                Activity::Kind::Waits);
    communicator.barrier();
  }
  thread->leave();
}

void Watch::fail(const std::string &why, int status) {
  thread->fail(why, status);
  // Its thread ends this process. Unless nobody hears it:
  std::this_thread::sleep_for(duration(10));
  communicator.abort(why);
  std::_Exit(status);
}

} // namespace pfc::rt
