// Package release is tests alone: of what reaches strangers. The workflows that run in public are
// held to a few rules with every `make test`. The packages are made, compared, installed and
// removed by `make packages-test`, which takes minutes and changes the machine for a moment; its
// tests have the build tag "packages".
package release
