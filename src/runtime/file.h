#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace flashlight::runtime {

/** Whole files. Throw CompileError that names the path. */
void write_file(const std::filesystem::path& path, std::string_view text);
std::string read_file(const std::filesystem::path& path);

}  // namespace flashlight::runtime
