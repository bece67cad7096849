// Command bareget is the program that `ocgo-key get` is compared with: it makes the same go-keyring
// call and prints the key. Its arguments are the service and user names of the key.
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
