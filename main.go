// ocgo-key keeps OpenCode Go keys in the OS keychain and goes on with the next one when a limit is hit.
package main

import (
	"os"

	"ocgo-key/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
