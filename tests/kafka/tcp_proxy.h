// tcp_proxy.h: between clients and a broker, to hold back what the broker answers.
//
//     TcpProxy proxy;
//     proxy.Start(broker_port);
//     … clients connect to proxy.port() …
//     proxy.HoldReplies();            // requests go through, and are carried out
//     proxy.GiveReplies();            // all that was held comes, in order
//     proxy.HoldRepliesAt(kEndTxn);   // to the next request of that kind, and all that follows
//     ASSERT_TRUE(proxy.AwaitHold());
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "absl/status/status.h"

namespace commander::test {

// A kind of request (kafka.apache.org/protocol).
inline constexpr int kEndTxn = 26;

// On the loopback interface.  Thread-safe after Start.
class TcpProxy {
 public:
  // Takes a port; nobody is answered before Start.
  TcpProxy();
  ~TcpProxy();  // ends all connections
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  void Start(std::uint16_t broker_port);
  void HoldReplies();
  void HoldRepliesAt(int api_key);
  // False: none came within a minute.
  bool AwaitHold();
  void GiveReplies();  // and waits for no request any more
  std::uint16_t port() const { return port_; }

 private:
  void Run(std::uint16_t broker_port);
  void OnRequest(int api_key);

  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> hold_{false};
  std::mutex mutex_;  // guards hold_at_, and the changes of hold_
  int hold_at_ = -1;  // a kind of request
  std::condition_variable holds_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace commander::test
