// Package helper is how a process gets its key: the credential protocol, and
// which process is asking.
//
// It talks to no keychain and no network and reads no state: the process table
// comes in as a function, a key as a function that is called at the last moment
// before it is written out. It never logs, and its errors never hold a key.
package helper
