// What a process counts, read as Prometheus reads it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace parley::test {

// Where a process exposes its metrics, from its log: the last one that it names.
std::optional<std::string> metrics_address(std::string_view log);

// A counter or gauge at "127.0.0.1:40123", all its labels added up. Nothing: nobody answers within
// some seconds, or it is not there.
std::optional<double> scrape(const std::string& address, std::string_view metric);

}  // namespace parley::test
