#include "store/pg/params.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

std::string hex(PgParams& params, int index) {
  const std::string_view bytes(params.values()[index],
                               static_cast<std::size_t>(params.sizes()[index]));
  constexpr const char* digits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out += digits[static_cast<unsigned char>(c) >> 4];
    out += digits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

// What psql prints for int8send(...), array_send(...) and the like.
TEST(PgParams, ScalarsAreBigEndian) {
  PgParams params;
  params.add(std::int64_t{-2});
  params.add(std::int32_t{258});
  params.add(std::string_view("a\0b", 3));
  EXPECT_EQ(params.count(), 3);
  EXPECT_EQ(hex(params, 0), "fffffffffffffffe");
  EXPECT_EQ(hex(params, 1), "00000102");
  EXPECT_EQ(hex(params, 2), "610062");
}

TEST(PgParams, AnArrayHasItsHeaderAndSizedElements) {
  PgParams params;
  params.add_array(PgType::bigint, 2);
  params.element(std::int64_t{1});
  params.element(std::int64_t{2});
  params.add_array(PgType::bytea, 1);
  params.element(std::string_view("xyz"));
  EXPECT_EQ(hex(params, 0),
            "00000001"
            "00000000"
            "00000014"
            "00000002"
            "00000001"
            "00000008"
            "0000000000000001"
            "00000008"
            "0000000000000002");
  EXPECT_EQ(hex(params, 1),
            "00000001"
            "00000000"
            "00000011"
            "00000001"
            "00000001"
            "00000003"
            "78797a");
}

TEST(PgParams, AnEmptyArrayHasNoDimension) {
  PgParams params;
  params.add_array(PgType::integer, 0);
  EXPECT_EQ(hex(params, 0),
            "00000000"
            "00000000"
            "00000017");
}

TEST(PgParams, NullHasNoValueAndEmptyBytesHave) {
  PgParams params;
  params.add_null();
  params.add(std::string_view());
  EXPECT_EQ(params.values()[0], nullptr);
  EXPECT_NE(params.values()[1], nullptr);
  EXPECT_EQ(params.sizes()[1], 0);
  EXPECT_EQ(params.formats()[1], 1);
}

TEST(PgParams, ResetForgetsEverything) {
  PgParams params;
  params.add(std::int64_t{1});
  params.reset();
  EXPECT_EQ(params.count(), 0);
  params.add(std::int32_t{7});
  EXPECT_EQ(hex(params, 0), "00000007");
}

}  // namespace
}  // namespace parley
