#include "runtime/cuda/timer.h"

#include "runtime/cuda/driver_library.h"
#include "support/error.h"

namespace flashlight::runtime::cuda {

Timer::Timer(void* stream) : stream_(stream) {
  const DriverLibrary& driver = driver_library();
  if (!driver.event_create || !driver.event_record || !driver.event_wait ||
      !driver.event_milliseconds || !driver.event_destroy)
    throw CompileError("the NVIDIA driver has no functions for events");
  for (void*& event : events_)
    check(driver, driver.event_create(&event, 0), "an event cannot be made");
}

Timer::~Timer() {
  for (void* event : events_)
    if (event) driver_library().event_destroy(event);
}

double Timer::milliseconds(const std::function<void()>& work) {
  const DriverLibrary& driver = driver_library();
  const char* const what = "a kernel cannot be measured";
  check(driver, driver.event_record(events_[0], stream_), what);
  work();
  check(driver, driver.event_record(events_[1], stream_), what);
  check(driver, driver.event_wait(events_[1]), what);
  float out = 0;
  check(driver, driver.event_milliseconds(&out, events_[0], events_[1]), what);
  return out;
}

}  // namespace flashlight::runtime::cuda
