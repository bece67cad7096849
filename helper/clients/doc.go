// Package clients points clients other than OpenCode at a gateway: one file for each client, with
// the environment variables and arguments that it needs. It starts nothing and writes nothing, and
// it puts the gateway's token only into variables, never into an argument or a file.
package clients
