#include "tests/kafka/tcp_proxy.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <iterator>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace commander::test {
namespace {

constexpr int kTickMilliseconds = 10;
constexpr std::size_t kMostWaiting = std::size_t{1} << 20;  // the rest waits in the sockets

sockaddr_in Loopback(std::uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int TcpSocket() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) std::abort();
  return socket;
}

void MakeQuick(int socket) {
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  fcntl(socket, F_SETFL, O_NONBLOCK);
}

bool WouldBlock() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

// Finds requests in what a client sends: each is a size of 4 bytes, a kind of 2, and the rest.
class RequestWalk {
 public:
  template <typename OnRequest>
  void Walk(std::string_view bytes, OnRequest on_request) {
    while (!bytes.empty()) {
      const std::size_t skipped = std::min(rest_, bytes.size());
      rest_ -= skipped;
      bytes.remove_prefix(skipped);
      const std::size_t taken = std::min(kHead - head_.size(), bytes.size());
      head_.append(bytes.substr(0, taken));
      bytes.remove_prefix(taken);
      if (head_.size() < kHead) return;
      on_request(static_cast<int>(Number(4, 2)));
      rest_ = Number(0, 4) - 2;
      head_.clear();
    }
  }

 private:
  static constexpr std::size_t kHead = 6;
  std::size_t Number(std::size_t at, std::size_t bytes) const {
    std::size_t number = 0;
    for (; bytes > 0; --bytes) number = number << 8 | static_cast<unsigned char>(head_[at++]);
    return number;
  }

  std::string head_;
  std::size_t rest_ = 0;
};

// One direction of a connection.
struct Flow {
  int from = -1;
  int to = -1;
  std::string waiting = {};

  // False where the connection has ended.
  template <typename OnBytes>
  bool Take(OnBytes on_bytes) {
    char bytes[1 << 16];
    const ssize_t got = read(from, bytes, sizeof(bytes));
    if (got > 0) {
      waiting.append(bytes, static_cast<std::size_t>(got));
      on_bytes(std::string_view(bytes, static_cast<std::size_t>(got)));
    }
    return got > 0 || (got < 0 && WouldBlock());
  }
  bool Give() {
    const ssize_t sent = send(to, waiting.data(), waiting.size(), MSG_NOSIGNAL);
    if (sent > 0) waiting.erase(0, static_cast<std::size_t>(sent));
    return sent >= 0 || WouldBlock();
  }
};

struct Connection {
  Flow requests;
  Flow replies;
  RequestWalk walk;

  Connection(int client, int server) : requests{client, server}, replies{server, client} {}
  ~Connection() {
    close(requests.from);
    close(replies.from);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  pollfd ForClient(bool hold) const { return Wanted(requests, replies, hold); }
  pollfd ForServer() const { return Wanted(replies, requests, false); }
  // False where it has ended.
  template <typename OnRequest>
  bool Move(short client, short server, const std::atomic<bool>& hold, OnRequest on_request) {
    constexpr short kCome = POLLIN | POLLHUP | POLLERR;
    const auto walked = [&](std::string_view bytes) { walk.Walk(bytes, on_request); };
    if ((client & kCome) != 0 && !requests.Take(walked)) return false;
    if ((server & kCome) != 0 && !replies.Take([](std::string_view) {})) return false;
    if (!requests.waiting.empty() && !requests.Give()) return false;
    return hold || replies.waiting.empty() || replies.Give();
  }

 private:
  static pollfd Wanted(const Flow& out_of_it, const Flow& into_it, bool hold) {
    short events = 0;
    if (out_of_it.waiting.size() < kMostWaiting) events |= POLLIN;
    if (!into_it.waiting.empty() && !hold) events |= POLLOUT;
    return {out_of_it.from, events, 0};
  }
};

// Null where the server does not listen.
std::unique_ptr<Connection> Accept(int listener, std::uint16_t broker_port) {
  const int client = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0) return nullptr;
  const int server = TcpSocket();
  auto connection = std::make_unique<Connection>(client, server);
  const sockaddr_in address = Loopback(broker_port);
  if (connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return nullptr;
  }
  MakeQuick(client);
  MakeQuick(server);
  return connection;
}

}  // namespace

TcpProxy::TcpProxy() : listener_(TcpSocket()) {
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  // A client may have gone again between poll and accept, which would wait for the next one.
  fcntl(listener_, F_SETFL, O_NONBLOCK);
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      listen(listener_, SOMAXCONN) != 0) {
    std::abort();
  }
  port_ = ntohs(address.sin_port);
}

TcpProxy::~TcpProxy() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
  close(listener_);
}

void TcpProxy::Start(std::uint16_t broker_port) {
  thread_ = std::thread([this, broker_port] { Run(broker_port); });
}

void TcpProxy::HoldReplies() {
  const std::lock_guard lock(mutex_);
  hold_ = true;
  holds_.notify_all();
}

void TcpProxy::HoldRepliesAt(int api_key) {
  const std::lock_guard lock(mutex_);
  hold_at_ = api_key;
}

void TcpProxy::OnRequest(int api_key) {
  const std::lock_guard lock(mutex_);
  if (api_key != hold_at_) return;
  hold_at_ = -1;
  hold_ = true;
  holds_.notify_all();
}

bool TcpProxy::AwaitHold() {
  std::unique_lock lock(mutex_);
  return holds_.wait_for(lock, std::chrono::minutes(1), [&] { return hold_.load(); });
}

void TcpProxy::GiveReplies() {
  const std::lock_guard lock(mutex_);
  hold_at_ = -1;
  hold_ = false;
}

void TcpProxy::Run(std::uint16_t broker_port) {
  std::list<std::unique_ptr<Connection>> connections;
  while (!stop_) {
    std::vector<pollfd> wanted = {{listener_, POLLIN, 0}};
    for (const auto& each : connections) {
      wanted.push_back(each->ForClient(hold_));
      wanted.push_back(each->ForServer());
    }
    poll(wanted.data(), wanted.size(), kTickMilliseconds);
    std::size_t at = 1;
    for (auto each = connections.begin(); each != connections.end(); at += 2) {
      const bool goes_on = (*each)->Move(wanted[at].revents, wanted[at + 1].revents, hold_,
                                         [this](int api_key) { OnRequest(api_key); });
      each = goes_on ? std::next(each) : connections.erase(each);
    }
    if (wanted[0].revents == 0) continue;
    if (auto connection = Accept(listener_, broker_port); connection != nullptr) {
      connections.push_back(std::move(connection));
    }
  }
}

}  // namespace commander::test
