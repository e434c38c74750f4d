#include "bus/role_rates.h"

#include "proto/envelope.h"

namespace parley {

RoleMeter::RoleMeter(const RoleRates& rates, std::size_t principals_max)
    : registrations_(rates.registrations, principals_max),
      by_role_{KeyedBuckets(rates.gateway, principals_max),
               KeyedBuckets(rates.worker, principals_max),
               KeyedBuckets(rates.business, principals_max),
               KeyedBuckets(rates.admin, principals_max)} {}

std::uint64_t RoleMeter::account_of(const Principal& who, std::string_view name) {
  return instance_id(who.key.empty() ? name : who.key).value | 1;
}

}  // namespace parley
