// Package supervise is one `run` while it lasts. It gives the command its environment and its
// gateway, and OpenCode 2 a server of its own. At a limit it decides whether the command starts
// again, waits or gives up: restart.go has that decision for both generations of OpenCode.
//
// It chooses no account and reveals no key. What the user has to know it says through a [Teller];
// exit codes and results are its caller's.
package supervise
