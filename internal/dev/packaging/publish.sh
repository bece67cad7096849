#!/bin/sh
# Publishes the npm packages, if NODE_AUTH_TOKEN is set, and the Homebrew formula, if TAP_TOKEN is
# set. `make packages` has made them. Tokens are passed in the environment and never in an argument.
set -eu
dist=$1
version=$(sed -n 's/.*"version":"\([^"]*\)".*/\1/p' "$dist/metadata.json")
case $version in *-*) tag=next ;; *) tag=latest ;; esac

if [ -n "${NODE_AUTH_TOKEN:-}" ]; then
	registry=$(npm config get registry) # NPM_CONFIG_REGISTRY, if it is set
	npmrc=$(mktemp)
	trap 'rm -f "$npmrc"' EXIT
	echo "${registry#*:}:_authToken=\${NODE_AUTH_TOKEN}" >"$npmrc" # npm itself reads the variable
	# The package that users install is published last, after the packages that it needs. Packages
	# that an earlier run has published stay.
	for package in "$dist"/npm/ocgo-key-*-*-"$version".tgz "$dist/npm/ocgo-key-$version.tgz"; do
		name=$(tar -xzOf "$package" package/package.json | sed -n 's/^  "name": "\(.*\)",$/\1/p')
		npm view --userconfig "$npmrc" --registry "$registry" "$name@$version" version >/dev/null 2>&1 ||
			npm publish --userconfig "$npmrc" --registry "$registry" --access public --tag "$tag" --ignore-scripts "$package"
	done
fi

if [ -n "${TAP_TOKEN:-}" ] && [ "$tag" = latest ]; then
	tap=$(mktemp -d)
	git -c credential.helper='!f() { echo username=x; echo "password=$TAP_TOKEN"; }; f' \
		clone --quiet --depth 1 "https://github.com/$GITHUB_REPOSITORY_OWNER/homebrew-tap" "$tap"
	mkdir -p "$tap/Formula"
	cp "$dist/homebrew/ocgo-key.rb" "$tap/Formula/"
	git -C "$tap" add Formula
	git -C "$tap" -c user.name=ocgo-key -c user.email=ocgo-key@users.noreply.github.com commit --quiet -m "ocgo-key $version"
	git -C "$tap" -c credential.helper='!f() { echo username=x; echo "password=$TAP_TOKEN"; }; f' push --quiet
	rm -rf "$tap"
fi
