// S13: marks that sealing cannot keep are errors that name the field to mark.
#include "crypto/plan.h"

#include "tests/crypto/sealing_fixture.h"

namespace commander::test {
namespace {

using crypto::Plan;
using crypto::PlanOptions;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Optional;

template <class T>
absl::StatusOr<Plan> Make(std::string_view name, const PlanOptions& options = {}) {
  return Plan::Make(name, capnp::Schema::from<T>(), options);
}

auto Refused(const std::string& message) {
  return StatusIs(absl::StatusCode::kInvalidArgument, message);
}

TEST(Plan, KnowsWhatIsPersonal) {
  EXPECT_TRUE(crypto::IsPersonal(capnp::Schema::from<sealing::Opened>()));
  EXPECT_TRUE(crypto::IsPersonal(capnp::Schema::from<sealing::Whole>()));
  EXPECT_TRUE(crypto::IsPersonal(capnp::Schema::from<sealing::Grouped>()));
  EXPECT_FALSE(crypto::IsPersonal(capnp::Schema::from<sealing::Card>()));
  EXPECT_FALSE(crypto::IsPersonal(capnp::Schema::from<sealing::HoldsList>()));
  EXPECT_TRUE(PlanOf<sealing::Opened>("sealing.Opened").personal());
  EXPECT_TRUE(PlanOf<sealing::Whole>("sealing.Whole").personal());
  EXPECT_TRUE(PlanOf<sealing::Grouped>("sealing.Grouped").personal());
  EXPECT_FALSE(PlanOf<sealing::Card>("sealing.Card").personal());
  EXPECT_TRUE(PlanOf<sealing::Card>("sealing.Card", {.seal_everything = true}).personal());
}

TEST(Plan, NamesTheFieldThatHidesAMark) {
  EXPECT_THAT(Make<sealing::HoldsList>("bank.HoldsList"),
              Refused("bank.HoldsList.contacts holds bank.Contact.email, which is personal: mark "
                      "the field contacts itself"));
  EXPECT_THAT(Make<sealing::HoldsNestedList>("sealing.HoldsNestedList"),
              Refused("sealing.HoldsNestedList.contacts holds sealing.Contact.email, which is "
                      "personal: mark the field contacts itself"));
  EXPECT_THAT(Make<sealing::HoldsStruct>("sealing.HoldsStruct"),
              Refused("sealing.HoldsStruct.contact holds sealing.Contact.email, which is "
                      "personal: mark the field contact itself"));
  EXPECT_THAT(Make<sealing::HoldsDeep>("sealing.HoldsDeep"),
              Refused("sealing.HoldsDeep.address holds sealing.Contact.email, which is personal: "
                      "mark the field address itself"));
  EXPECT_THAT(Make<sealing::HoldsGeneric>("sealing.HoldsGeneric"),
              Refused("sealing.HoldsGeneric.box holds sealing.Contact.email, which is personal: "
                      "mark the field box itself"));
  EXPECT_THAT(Make<sealing::HoldsChain>("sealing.HoldsChain"),
              Refused("sealing.HoldsChain.chain holds sealing.Contact.email, which is personal: "
                      "mark the field chain itself"));
  EXPECT_THAT(Make<sealing::HoldsGrouped>("sealing.HoldsGrouped"),
              Refused("sealing.HoldsGrouped.grouped holds sealing.Grouped.inside.name, which is "
                      "personal: mark the field grouped itself"));
  EXPECT_THAT(Make<sealing::HoldsInGroup>("sealing.HoldsInGroup"),
              Refused("sealing.HoldsInGroup.part.contact holds sealing.Contact.email, which is "
                      "personal: mark the field contact itself"));
  EXPECT_THAT(Make<sealing::HoldsSecret>("sealing.HoldsSecret"),
              Refused("sealing.HoldsSecret.secret holds sealing.Secret, which is personal: mark "
                      "the field secret itself"));
}

TEST(Plan, RefusesWhatNobodyCanSeeInto) {
  EXPECT_THAT(Make<sealing::HoldsAny>("sealing.HoldsAny"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("sealing.HoldsAny.any"), HasSubstr("mark the field"))));
  EXPECT_THAT(Make<sealing::HoldsUnbound>("sealing.HoldsUnbound"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("sealing.HoldsUnbound.box")));
  EXPECT_THAT(Make<sealing::HoldsAny>("sealing.HoldsAny", {.refuse_any_pointer = false}), IsOk());
}

TEST(Plan, TakesWhatIsMarkedOrHarmless) {
  EXPECT_THAT(Make<sealing::MarksList>("sealing.MarksList"), IsOk());
  EXPECT_THAT(Make<sealing::HoldsHarmlessGeneric>("sealing.HoldsHarmlessGeneric"), IsOk());
  EXPECT_THAT(Make<sealing::Kinds>("sealing.Kinds"), IsOk());
  // Sealed as a whole nothing can hide.
  const PlanOptions everything{.seal_everything = true};
  EXPECT_THAT(Make<sealing::HoldsList>("sealing.HoldsList", everything), IsOk());
  EXPECT_THAT(Make<sealing::HoldsAny>("sealing.HoldsAny", everything), IsOk());
}

TEST(Plan, RefusesSubjectsThatNameNobody) {
  EXPECT_THAT(Make<sealing::SubjectWithoutNamespace>("s.T"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("s.T.person"), HasSubstr("without a namespace"))));
  EXPECT_THAT(Make<sealing::SubjectIsNumber>("s.T"),
              Refused("s.T.person is marked as subject, but is neither Text nor Data"));
  EXPECT_THAT(Make<sealing::TwoSubjects>("s.T"),
              Refused("s.T.b is marked as subject, but s.T.a is, too: a struct has one subject"));
  EXPECT_THAT(Make<sealing::SubjectInUnion>("s.T"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("union or group")));
  EXPECT_THAT(Make<sealing::SubjectInGroup>("s.T"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("s.T.part.person")));
  EXPECT_THAT(Make<sealing::SubjectWithDefault>("s.T"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("default")));
  // It would be sealed under another subject than the mark says.
  EXPECT_THAT(Make<sealing::HoldsSubject>("sealing.HoldsSubject"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("sealing.HoldsSubject.registered holds sealing.Registered.person, "
                                 "which is marked as subject")));
}

TEST(Plan, ReadsTheSubjectOffTheStruct) {
  capnp::MallocMessageBuilder message;
  auto registered = message.initRoot<sealing::Registered>();
  const Plan plan = PlanOf<sealing::Registered>("sealing.Registered");
  EXPECT_THAT(plan.SubjectOf(registered.asReader()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("sealing.Registered.person")));
  registered.setPerson("bob");
  EXPECT_THAT(plan.SubjectOf(registered.asReader()),
              IsOkAndHolds(Optional(crypto::Subject{"person", "bob"})));

  capnp::MallocMessageBuilder by_data;
  auto bytes = by_data.initRoot<sealing::RegisteredByData>();
  const std::string id("b\0b\xFF", 4);
  bytes.setPerson({reinterpret_cast<const kj::byte*>(id.data()), id.size()});
  EXPECT_THAT(
      PlanOf<sealing::RegisteredByData>("sealing.RegisteredByData").SubjectOf(bytes.asReader()),
      IsOkAndHolds(Optional(crypto::Subject{"person", id})));

  capnp::MallocMessageBuilder opened;
  EXPECT_THAT(PlanOf<sealing::Opened>("sealing.Opened")
                  .SubjectOf(opened.initRoot<sealing::Opened>().asReader()),
              IsOkAndHolds(std::nullopt));
}

// An older writer's struct has fewer pointers.
TEST(Plan, AStructWithoutTheSubjectFieldNamesNobody) {
  capnp::MallocMessageBuilder message;
  const auto empty = message.getRoot<capnp::AnyPointer>().initAsAnyStruct(0, 0);
  EXPECT_THAT(PlanOf<sealing::Registered>("sealing.Registered").SubjectOf(empty.asReader()),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(Plan, ForFieldsNeedsTheFields) {
  EXPECT_THAT(Plan::ForFields("s.Card", capnp::Schema::from<sealing::Card>(), {"holder"}), IsOk());
  EXPECT_THAT(Plan::ForFields("s.Card", capnp::Schema::from<sealing::Card>(), {"owner"}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace commander::test
