// Package release contains only tests. In `make test` they check that the public workflows follow a
// few rules. In `make test-packages` they build, compare, install and remove the packages. That
// takes minutes and changes the machine temporarily; these tests have the build tag "packages".
package release
