#include "proto/protobuf_log.h"

#include <google/protobuf/stubs/logging.h>

namespace parley {

void silence_protobuf() { google::protobuf::SetLogHandler(nullptr); }

}  // namespace parley
