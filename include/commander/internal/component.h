// component.h: what Engine::Open is given: groups and projections.
#pragma once

namespace commander::internal {

class Component {
 public:
  virtual ~Component() = default;
  // An engine works with it from now on.
  virtual void MarkOpened() {}

 protected:
  Component() = default;
  Component(const Component&) = delete;
  Component& operator=(const Component&) = delete;
};

}  // namespace commander::internal
