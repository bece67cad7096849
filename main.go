// Command ocgo-key stores OpenCode Go keys in the OS keychain and switches to the next key when one
// reaches its limit.
package main

import (
	"os"

	"ocgo-key/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
