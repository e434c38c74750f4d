// The protobuf library writes a line of its own format to stderr for each string that is no UTF-8: whoever can
// send bytes could fill a log with them. What a decoder refuses, its caller counts or logs.
#pragma once

namespace parley {

// Called once at the start of every process that decodes what others sent, before its threads.
void silence_protobuf();

}  // namespace parley
