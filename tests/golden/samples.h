// Named bytes in a text that people read: `name  hex`, continued in indented lines; `#` begins a comment
// line. The format of wire.txt and of the worked example in proto/README.md.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace parley::test {

using Samples = std::map<std::string, std::string, std::less<>>;  // name → hex digits

Samples parse_samples(std::string_view text);
// The contents of the ```sample blocks of a Markdown text.
std::string sample_blocks(std::string_view markdown);
// A file of the source tree. A missing one fails the test.
std::string source_file(const std::string& path);

// Each name of `computed` is expected in `written` with the same bytes.
void expect_contains(const Samples& written, const Samples& computed);
// And no others.
void expect_same(const Samples& written, const Samples& computed);

}  // namespace parley::test
