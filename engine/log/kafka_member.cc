#include "engine/log/kafka_member.h"

#include <chrono>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "commander/internal/status_macros.h"

namespace commander::log::kafka {
namespace {

// Above the transactions' time-out, so that a commit that waits for a broker does not outlive the
// membership.
constexpr char kSessionMilliseconds[] = "30000";
constexpr absl::Duration kTick = absl::Milliseconds(100);

struct LiveMember {
  std::string instance;
  std::string id;
  std::string client;
  std::string host;
};

std::string OrEmpty(const char* text) { return text == nullptr ? std::string() : text; }

absl::StatusOr<std::vector<LiveMember>> MembersOf(rd_kafka_t* client, const std::string& group) {
  const std::string what = absl::StrCat("asking for the members of group ", group);
  const absl::Time deadline = absl::Now() + kPatience;
  while (true) {
    const Queue queue(rd_kafka_queue_new(client));
    const char* groups[] = {group.c_str()};
    rd_kafka_DescribeConsumerGroups(client, groups, 1, nullptr, queue.get());
    const Event event(rd_kafka_queue_poll(queue.get(), Milliseconds(kPatience)));
    if (event == nullptr) return StatusOf(RD_KAFKA_RESP_ERR__TIMED_OUT, what);
    rd_kafka_resp_err_t error = rd_kafka_event_error(event.get());
    std::vector<LiveMember> members;
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      std::size_t count = 0;
      const rd_kafka_ConsumerGroupDescription_t** described =
          rd_kafka_DescribeConsumerGroups_result_groups(
              rd_kafka_event_DescribeConsumerGroups_result(event.get()), &count);
      for (std::size_t i = 0; i < count; ++i) {
        const rd_kafka_error_t* why = rd_kafka_ConsumerGroupDescription_error(described[i]);
        if (why != nullptr) error = rd_kafka_error_code(why);
        const std::size_t size = rd_kafka_ConsumerGroupDescription_member_count(described[i]);
        for (std::size_t k = 0; k < size; ++k) {
          const rd_kafka_MemberDescription_t* member =
              rd_kafka_ConsumerGroupDescription_member(described[i], k);
          members.push_back({OrEmpty(rd_kafka_MemberDescription_group_instance_id(member)),
                             OrEmpty(rd_kafka_MemberDescription_consumer_id(member)),
                             OrEmpty(rd_kafka_MemberDescription_client_id(member)),
                             OrEmpty(rd_kafka_MemberDescription_host(member))});
        }
      }
    }
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return members;
    // The group is not known before its first member.
    if (error == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND) return std::vector<LiveMember>();
    if (!IsTransient(error) || absl::Now() > deadline) return StatusOf(error, what);
    absl::SleepFor(absl::Milliseconds(50));
  }
}

absl::Status HasAnOwner(const std::string& group, const LiveMember& other) {
  return absl::UnavailableError(absl::StrCat(
      "group ", group, " has another owner: member ", other.id, " (client ", other.client,
      ", host ", other.host, "); stop that one first, or wait for its session to end"));
}

absl::Duration SessionOf(const Properties& properties) {
  std::int64_t milliseconds = 0;
  if (!absl::SimpleAtoi(PropertyOr(properties, "session.timeout.ms", kSessionMilliseconds),
                        &milliseconds)) {
    milliseconds = 0;  // librdkafka refuses it, and says so
  }
  return absl::Milliseconds(milliseconds);
}

}  // namespace

Member::Member(const Cluster& cluster, Options options)
    : cluster_(cluster), options_(std::move(options)), session_(SessionOf(cluster.properties)) {}

absl::StatusOr<std::unique_ptr<Member>> Member::Join(const Cluster& cluster, Options options) {
  std::unique_ptr<Member> member(new Member(cluster, std::move(options)));
  COMMANDER_ASSIGN_OR_RETURN(member->admin_, NewClient(RD_KAFKA_PRODUCER, cluster, kUnserved));
  COMMANDER_RETURN_IF_ERROR(member->AwaitNobodyElse());
  COMMANDER_RETURN_IF_ERROR(member->Subscribe());
  member->thread_ = std::thread([self = member.get()] { self->Run(); });
  const absl::Time deadline = absl::Now() + member->session_ + 3 * kPatience;
  std::unique_lock lock(member->mutex_);
  member->changed_.wait_until(lock, absl::ToChronoTime(deadline), [&] {
    return member->assignment_.metadata != nullptr || !member->health_.ok();
  });
  if (!member->health_.ok()) return member->health_;
  if (member->assignment_.metadata == nullptr) {
    return absl::UnavailableError(absl::StrCat(
        "Kafka: group ", member->options_.group,
        " gave no partitions; is its coordinator reachable, and is nobody else in it?"));
  }
  lock.unlock();
  return member;
}

// A process that died without saying so is a member until its session ends.
absl::Status Member::AwaitNobodyElse() {
  const absl::Time deadline = absl::Now() + session_ + absl::Seconds(1);
  bool told = false;
  while (true) {
    COMMANDER_ASSIGN_OR_RETURN(const std::vector<LiveMember> members,
                               MembersOf(admin_.get(), options_.group));
    const LiveMember* other = nullptr;
    for (const LiveMember& each : members) {
      if (each.instance != options_.instance) other = &each;
    }
    if (other == nullptr) return absl::OkStatus();
    if (absl::Now() > deadline) return HasAnOwner(options_.group, *other);
    if (!std::exchange(told, true)) {
      cluster_.Say(LogLevel::kWarning,
                   absl::StrCat("group ", options_.group, " has another member, ", other->id,
                                " at ", other->host, "; waiting for its session to end, ",
                                absl::FormatDuration(session_), " at most"));
    }
    absl::SleepFor(absl::Milliseconds(200));
  }
}

absl::Status Member::Subscribe() {
  Callbacks callbacks;
  callbacks.rebalance = [this](rd_kafka_t* client, rd_kafka_resp_err_t event,
                               rd_kafka_topic_partition_list_t* partitions) {
    OnRebalance(client, event, partitions);
  };
  Properties properties = {
      {"group.id", options_.group},
      {"group.instance.id", options_.instance},
      {"partition.assignment.strategy", "range"},
      {"isolation.level", "read_committed"},
      {"enable.auto.commit", "false"},
      {"enable.auto.offset.store", "false"},
      {"auto.offset.reset", "error"},
  };
  for (const auto& [name, value] : {std::pair("session.timeout.ms", kSessionMilliseconds),
                                    std::pair("heartbeat.interval.ms", "1000")}) {
    properties.emplace_back(name, PropertyOr(cluster_.properties, name, value));
  }
  COMMANDER_ASSIGN_OR_RETURN(
      client_, NewClient(RD_KAFKA_CONSUMER, cluster_, properties, std::move(callbacks)));
  rd_kafka_poll_set_consumer(client_.get());
  const PartitionList topics(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(topics.get(), options_.topic.c_str(), RD_KAFKA_PARTITION_UA);
  return StatusOf(rd_kafka_subscribe(client_.get(), topics.get()),
                  absl::StrCat("joining group ", options_.group));
}

Member::~Member() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
  if (client_ != nullptr) rd_kafka_consumer_close(client_.get());
}

Member::Assignment Member::assignment() const {
  const std::lock_guard lock(mutex_);
  return assignment_;
}

Member::Assignment Member::AwaitOther(std::uint64_t seen, absl::Duration patience) const {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, absl::ToChronoNanoseconds(patience), [&] {
    return !health_.ok() || (assignment_.number != seen && assignment_.metadata != nullptr);
  });
  return assignment_;
}

absl::Status Member::health() const {
  const std::lock_guard lock(mutex_);
  return health_;
}

void Member::Fail(absl::Status why) {
  {
    const std::lock_guard lock(mutex_);
    if (!health_.ok()) return;
    health_ = std::move(why);
    assignment_.metadata = nullptr;
  }
  changed_.notify_all();
}

void Member::OnRebalance(rd_kafka_t* client, rd_kafka_resp_err_t event,
                         rd_kafka_topic_partition_list_t* partitions) {
  if (event != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    const bool lost = rd_kafka_assignment_lost(client) != 0;
    {
      const std::lock_guard lock(mutex_);
      assignment_.metadata = nullptr;
      if (lost) ++assignment_.lost;
    }
    if (lost && !stop_) {
      cluster_.Say(LogLevel::kWarning,
                   absl::StrCat("the membership of group ", options_.group,
                                " was lost: no heartbeat reached the broker in time"));
    }
    rd_kafka_assign(client, nullptr);
    return;
  }
  // Nothing is to be fetched by this client: it is assigned nothing, whatever the group gave it.
  const PartitionList none(rd_kafka_topic_partition_list_new(0));
  rd_kafka_assign(client, none.get());
  struct Free {
    rd_kafka_t* client;
    void operator()(char* text) const { rd_kafka_mem_free(client, text); }
  };
  const std::unique_ptr<char, Free> id(rd_kafka_memberid(client), Free{client});
  // There may be others, which were added to the topic; nobody asks for them.
  int ours = 0;
  for (int i = 0; i < partitions->cnt; ++i) {
    if (partitions->elems[i].partition < options_.partitions) ++ours;
  }
  const bool all = ours == options_.partitions;
  {
    const std::lock_guard lock(mutex_);
    member_id_ = OrEmpty(id.get());
    ++assignment_.number;
    // Asked for here alone: later it may tell another generation than the one that was assigned.
    assignment_.metadata =
        all ? GroupMetadata(rd_kafka_consumer_group_metadata(client), DestroyGroupMetadata())
            : nullptr;
    short_ = !all;
  }
  changed_.notify_all();
}

// librdkafka 2.0.2 may take its own session time-out for a successor of the same name.
bool Member::Rejoin() {
  const absl::StatusOr<bool> replaced = Replaced(false);
  if (!replaced.ok()) return true;  // asked again at the next turn
  if (*replaced) {
    Fail(absl::UnavailableError(absl::StrCat(
        "group ", options_.group,
        ": another process has taken the place of this one; two run on copies of one data "
        "directory")));
    return false;
  }
  {
    const std::lock_guard lock(mutex_);
    assignment_.metadata = nullptr;
    ++assignment_.lost;
  }
  client_.reset();
  const absl::Status status = Subscribe();
  if (!status.ok()) Fail(status);
  return status.ok();
}

void Member::Run() {
  Poll();
  // A member that has ended must not look alive.
  if (!stop_ && client_ != nullptr) rd_kafka_consumer_close(client_.get());
}

void Member::Poll() {
  absl::Time complete = absl::Now();  // when it last had all partitions, or joined
  while (!stop_) {
    const Message message(rd_kafka_consumer_poll(client_.get(), Milliseconds(kTick)));
    // The message that says so comes once only.
    if (rd_kafka_fatal_error(client_.get(), nullptr, 0) != RD_KAFKA_RESP_ERR_NO_ERROR) {
      if (!Rejoin()) return;
      continue;
    }
    if (message != nullptr && !IsTransient(message->err)) {
      if (message->err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ||
          message->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
        return Fail(StatusOf(message->err,
                             absl::StrCat("group ", options_.group, ", topic ", options_.topic)));
      }
      cluster_.Say(LogLevel::kWarning, absl::StrCat("group ", options_.group, ": ",
                                                    rd_kafka_message_errstr(message.get())));
    }
    bool shared = false;
    bool was_lost = false;
    {
      const std::lock_guard lock(mutex_);
      shared = short_;
      was_lost = assignment_.lost > 0;
      if (assignment_.metadata != nullptr) complete = absl::Now();
    }
    if (!shared) continue;
    // Somebody else is there.  Whoever has never been away stays and waits for the other to leave.
    const bool owner = assignment().number > 1 && !was_lost;
    if (owner && absl::Now() - complete < 2 * session_) continue;
    const absl::StatusOr<std::vector<LiveMember>> members = MembersOf(admin_.get(), options_.group);
    if (!members.ok()) continue;
    for (const LiveMember& each : *members) {
      if (each.instance != options_.instance) return Fail(HasAnOwner(options_.group, each));
    }
  }
}

absl::Status Member::AwaitStableOffsets() const {
  // Under read_committed the broker is asked for stable offsets (KIP-447).
  Properties properties = {{"group.id", options_.group},
                           {"isolation.level", "read_committed"},
                           {"enable.auto.commit", "false"}};
  properties.insert(properties.end(), kUnserved.begin(), kUnserved.end());
  COMMANDER_ASSIGN_OR_RETURN(const Client client,
                             NewClient(RD_KAFKA_CONSUMER, cluster_, properties));
  const PartitionList partitions(rd_kafka_topic_partition_list_new(options_.partitions));
  for (std::uint16_t p = 0; p < options_.partitions; ++p) {
    rd_kafka_topic_partition_list_add(partitions.get(), options_.topic.c_str(), p);
  }
  const absl::Time deadline = absl::Now() + 6 * kPatience;
  while (true) {
    const rd_kafka_resp_err_t error =
        rd_kafka_committed(client.get(), partitions.get(), Milliseconds(kPatience));
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return absl::OkStatus();
    if (!IsTransient(error) || absl::Now() > deadline) {
      return StatusOf(error,
                      absl::StrCat("waiting for open transactions of group ", options_.group));
    }
  }
}

absl::StatusOr<bool> Member::Replaced(bool joins) {
  const absl::Time deadline = absl::Now() + (joins ? session_ + kPatience : absl::ZeroDuration());
  for (int looks = 0; looks < 10;) {
    COMMANDER_ASSIGN_OR_RETURN(const std::vector<LiveMember> members,
                               MembersOf(admin_.get(), options_.group));
    {
      const std::lock_guard lock(mutex_);
      bool other = false;
      for (const LiveMember& each : members) {
        other = other || each.id != member_id_;
        if (each.instance != options_.instance) return true;
      }
      if (!other) return false;
      // A member of our name may be this one, which is joining again and will be told its id once
      // the broker has waited for others (group.initial.rebalance.delay.ms).
      const bool joining = health_.ok() && assignment_.metadata == nullptr;
      if (!joining || absl::Now() > deadline) ++looks;
    }
    absl::SleepFor(absl::Milliseconds(300));
  }
  return true;
}

}  // namespace commander::log::kafka
