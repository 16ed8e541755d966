#!/bin/sh
# Fails if a file holds what only its owner may read, by its shape: an access token, the signature of a wallet, a token of
# Agora's, a private key or nonce. For what the service logs while the handlers are tested. usage: secrets.sh FILE...
set -u
[ -s "$1" ] || { echo "nothing is in $1"; exit 1; }
found=$(grep -anE -m 5 'eyJ[A-Za-z0-9_-]{8,}|(^|[^0-9A-Fa-f])[0-9A-Fa-f]{130}([^0-9A-Fa-f]|$)|00[67]e[A-Za-z0-9+/]{40,}|(^|[^0-9A-Fa-f])[0-9A-Fa-f]{64}([^0-9A-Fa-f]|$)' "$@")
case $? in
0) printf 'a secret is in a log:\n%s\n' "$found"; exit 1 ;;
1) exit 0 ;;
*) exit 1 ;;
esac
