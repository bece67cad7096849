#!/bin/sh
# Installs the programs that the tests start, if they are missing. Each argument is
# PROGRAM:DEBIAN-PACKAGE or /FILE:DEBIAN-PACKAGE.
set -eu
missing=""
for pair in "$@"; do
	case $pair in
	/*) [ -e "${pair%%:*}" ] ;;
	*) command -v "${pair%%:*}" >/dev/null 2>&1 ;;
	esac || missing="$missing ${pair#*:}"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
	echo "installing$missing"
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq
	# shellcheck disable=SC2086 # one word per package
	apt-get install -y -qq --no-install-recommends $missing >/dev/null
	exit 0
fi
echo "the tests need these packages, and they are not installed:$missing" >&2
echo "hint: as root on Debian or Ubuntu: apt-get install$missing" >&2
exit 1
