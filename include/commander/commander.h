// commander.h: all of the public API but testing.h; start reading at group.h and engine.h.
#pragma once

#include "commander/decision.h"     // IWYU pragma: export
#include "commander/engine.h"       // IWYU pragma: export
#include "commander/environment.h"  // IWYU pragma: export
#include "commander/events.h"       // IWYU pragma: export
#include "commander/group.h"        // IWYU pragma: export
#include "commander/id.h"           // IWYU pragma: export
#include "commander/log_sink.h"     // IWYU pragma: export
#include "commander/outcome.h"      // IWYU pragma: export
#include "commander/position.h"     // IWYU pragma: export
#include "commander/projection.h"   // IWYU pragma: export
#include "commander/view.h"         // IWYU pragma: export
