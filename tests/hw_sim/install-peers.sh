#!/bin/sh
# Installs the gateways that the tests marked "peers" run, without letting Debian start them as services.
# Needs root, on Debian or Ubuntu.
set -eu
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
fi
apt-get update
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends gammu gammu-smsd smstools kannel
