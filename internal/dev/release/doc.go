// Package release contains only tests: of the workflows and packages that are published. `make
// test` checks that the public workflows follow a few rules. `make test-packages` builds, compares,
// installs and removes the packages, which takes minutes and changes the machine temporarily; its
// tests have the build tag "packages".
package release
