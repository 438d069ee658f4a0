#include "crypto/erasure_job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/status_matchers.h"

namespace commander::crypto {
namespace {

using ::commander::test::IsOk;
using ::commander::test::StatusIs;
using ::testing::ElementsAre;
using Code = absl::StatusCode;

const StoreId kStore = {1, 2, 3};
const std::string kKey(32, 'l');
const ErasureId kId = {{7}};

std::string Body() {
  const std::vector<Kid> kids = {Kid{{1}}, Kid{{2}}};
  return EncodeEraseBody(kStore, kId, kids, {.suppression_tags = {Tag{5}}, .reason = "why"},
                         AsBytes(kKey), nullptr);
}
std::string Job() {
  ErasureJob job;
  job.receipt = {.id = kId,
                 .kids = {},
                 .stage = ErasureStage::kDestroyed,
                 .fenced_ns = 4,
                 .destroyed_ns = 5,
                 .completed_ns = 0};
  job.body = Body();
  return EncodeJob(job);
}

TEST(ErasureJobTest, IsReadBack) {
  COMMANDER_ASSERT_OK_AND_ASSIGN(const ErasureJob job, DecodeJob(ToString(kId.bytes), Job()));
  EXPECT_EQ(job.receipt.id, kId);
  EXPECT_EQ(job.receipt.stage, ErasureStage::kDestroyed);
  EXPECT_THAT(job.receipt.kids, ElementsAre(Kid{{1}}, Kid{{2}}));
  EXPECT_EQ(job.receipt.fenced_ns, 4);
  EXPECT_EQ(job.receipt.destroyed_ns, 5);
  EXPECT_EQ(EncodeJob(job), Job().substr(0, 26) + job.body);
  COMMANDER_ASSERT_OK_AND_ASSIGN(const ErasedSubjects subjects,
                                 OpenEraseBody(kStore, kId, job.body, AsBytes(kKey)));
  EXPECT_THAT(subjects.suppression_tags, ElementsAre(Tag{5}));
  EXPECT_EQ(subjects.reason, "why");
}

TEST(ErasureJobTest, RefusesWhatIsCutOrOfAnotherFormat) {
  const std::string id = ToString(kId.bytes);
  const std::string job = Job();
  for (std::size_t size = 0; size < 26 + 4 + 64; ++size) {
    EXPECT_THAT(DecodeJob(id, job.substr(0, size)), StatusIs(Code::kDataLoss)) << size;
  }
  EXPECT_THAT(DecodeJob(id.substr(1), job), StatusIs(Code::kDataLoss));
  for (const char stage : {'\0', '\4'}) {
    std::string wrong = job;
    wrong[1] = stage;
    EXPECT_THAT(DecodeJob(id, wrong), StatusIs(Code::kDataLoss));
  }
  std::string newer = job;
  newer[0] = 2;
  EXPECT_THAT(DecodeJob(id, newer), StatusIs(Code::kUnimplemented));
  std::string many = job;
  many.replace(26, 4, "\xff\xff\xff\xff");
  EXPECT_THAT(DecodeJob(id, many), StatusIs(Code::kDataLoss)) << "takes no memory for them";
}

TEST(ErasureJobTest, BindsThePersonsToTheErasure) {
  const std::string body = Body();
  const auto open = [&](const std::string& bytes) {
    return OpenEraseBody(kStore, kId, bytes, AsBytes(kKey));
  };
  ASSERT_THAT(open(body), IsOk());
  EXPECT_THAT(OpenEraseBody(kStore, ErasureId{}, body, AsBytes(kKey)), StatusIs(Code::kDataLoss));
  EXPECT_THAT(OpenEraseBody(StoreId{}, kId, body, AsBytes(kKey)), StatusIs(Code::kDataLoss));
  for (std::size_t at = 0; at < body.size(); ++at) {
    std::string changed = body;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    EXPECT_THAT(open(changed), StatusIs(Code::kDataLoss)) << at;
    EXPECT_THAT(open(body.substr(0, at)), StatusIs(Code::kDataLoss)) << at;
  }
}

}  // namespace
}  // namespace commander::crypto
