// Package supervise is one `run` while it lasts: the server that OpenCode 2 gets for itself, what is started again at a
// limit and how, and when it gives up. It hands out no account and sees no key; what it tells the user it says through
// a Reporter.
package supervise
