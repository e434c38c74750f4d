#!/bin/bash
# install_packages.sh PACKAGE…: installs Debian packages, as root, without leaving servers behind that start by
# themselves. See etc/setup.sh.
set -euo pipefail

services=(postgresql redis-server)
policy=/usr/sbin/policy-rc.d
cluster_rule=/etc/postgresql-common/createcluster.d/parley.conf
mark="# Parley's, while it installs packages."
newcomers=()

is_known() { [ -e "/etc/init.d/$1" ] || [ -e "/lib/systemd/system/$1.service" ]; }

for service in "${services[@]}"; do
  is_known "$service" || newcomers+=("$service")
done

restore() {
  rm -f "$policy" "$policy.parley" "$cluster_rule"
  rmdir --ignore-fail-on-non-empty "$(dirname "$cluster_rule")" 2>/dev/null || true
  [ ! -e "$policy.before-parley" ] || mv "$policy.before-parley" "$policy"
}
trap restore EXIT

# Only the newcomers are kept from starting; everything else is up to the rule that was there before. What a
# killed run of this script left there is no such rule. With systemd, services come with their suffix.
if [ -e "$policy" ] && ! grep -qxF "$mark" "$policy"; then mv "$policy" "$policy.before-parley"; fi
cat > "$policy.parley" <<RULE
#!/bin/sh
$mark
case " ${newcomers[*]} " in *" \${1%.service} "*) exit 101;; esac
if [ -x $policy.before-parley ]; then exec $policy.before-parley "\$@"; fi
exit 0
RULE
chmod 755 "$policy.parley"
mv "$policy.parley" "$policy"
mkdir -p "$(dirname "$cluster_rule")"
echo "create_main_cluster = false" > "$cluster_rule"

export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends "$@"

# In a container there may be no systemd to stop anything.
stop=()
[ ! -d /run/systemd/system ] || stop=(--now)
for service in "${newcomers[@]}"; do
  if is_known "$service" && command -v systemctl >/dev/null; then
    systemctl disable --quiet "${stop[@]}" "$service" || echo "parley: $service could not be disabled" >&2
  fi
done
