#!/bin/sh
# From the request to files on disk that are proved, with curl and jq.
#   BRIDGE=https://exports.example TOKEN=... sh export.sh waitlist '{"campaign_id": "..."}'
set -eu

# An error is a problem document: it is shown, and ends this program.
ask() {
    curl --silent --show-error --fail-with-body --max-time 90 --header "Authorization: Bearer $TOKEN" "$@"
}

# The key makes a repeated request the same export. Most have ended when the answer comes.
body=$(jq --null-input --arg type "$1" --argjson params "$2" '{type: $type, params: $params}')
key=$(cat /proc/sys/kernel/random/uuid)
export=$(ask --json "$body" --header "Idempotency-Key: $key" --header "Prefer: wait=60" "$BRIDGE/v1/exports") ||
    { echo "$export" >&2; exit 1; }

id=$(echo "$export" | jq --raw-output .id)
while [ "$(echo "$export" | jq .done)" = false ]; do
    sleep 2
    export=$(ask "$BRIDGE/v1/exports/$id")
done
if [ "$(echo "$export" | jq --raw-output .status)" != succeeded ]; then
    echo "$export" | jq .error >&2
    exit 1
fi

# curl follows the redirect to a link of ten minutes, and does not send the token there.
echo "$export" | jq --raw-output '.result.files[] | "\(.sha256) \(.url)"' | while read -r sha256 url; do
    name=$(ask --location --remote-name --remote-header-name --write-out '%{filename_effective}' "$BRIDGE$url")
    echo "$sha256  $name" | sha256sum --check --quiet
    echo "$name"
done
