#!/bin/sh
# Runs the parts of a target one after another: layers.sh TARGET {NAME COMMAND}... It stops at the
# first part that fails. Its last lines say what each part ran and how long it took.
set -u
target=$1
shift
report=$(mktemp -d)
trap 'rm -rf "$report"' EXIT
trap 'exit 130' INT TERM
code=0
while [ $# -gt 0 ] && [ "$code" = 0 ]; do
	begin=$(date +%s)
	{ sh -c "$2" 2>&1; echo $? >"$report/code"; } | tee "$report/output"
	code=$(cat "$report/code") # of the command, not of tee
	ran=""
	packages=$(grep -cE '^(ok|FAIL)[[:space:]]+[^[:space:]]+[[:space:]]' "$report/output")
	[ "$packages" = 0 ] || ran="$packages packages, "
	[ "$code" = 0 ] || ran="failed, $ran"
	echo "$target: $1: $ran$(($(date +%s) - begin)) s" >>"$report/lines"
	shift 2
done
echo
cat "$report/lines"
exit "$code"
