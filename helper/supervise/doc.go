// Package supervise runs one `ocgo-key run` from start to end. It gives the command its environment
// and its gateway, and gives OpenCode 2 a private server. At a limit it decides whether the command
// restarts, waits or gives up: restart.go makes that decision for both generations of OpenCode.
//
// It chooses no account and reveals no key. It informs the user through a [Teller]; its caller
// prints results and sets exit codes.
package supervise
