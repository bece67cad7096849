// Command bareget is what `ocgo-key get` is held against: a program that makes the same go-keyring
// call, prints the key, and does no more. It is given the names under which the key is kept.
package main

import (
	"fmt"
	"os"

	"github.com/zalando/go-keyring"
)

func main() {
	key, err := keyring.Get(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(key)
}
