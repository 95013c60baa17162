#pragma once

#include <functional>
#include <string>

namespace flashlight::runtime {

/** Tells the user of something that made us slower but not wrong. Each text is told once per
 *  process. Goes to the handler; without one, a line on stderr. Thread-safe. */
void warn(const std::string& text);

/** Replaces the receiver of warnings (the Python door passes its warnings.warn). Empty: stderr. */
void set_warning_handler(std::function<void(const std::string&)> handler);

}  // namespace flashlight::runtime
