// Command resident runs a command and prints its largest resident memory (ru_maxrss, getrusage(2)),
// in bytes.
//
// It is a separate program because Linux also counts a process's memory from before exec: a command
// started by a large process would seem as large. This one is small.
package main

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
)

func main() {
	most, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(most)
}

func run(argv []string) (int64, error) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return 0, err
	}
	p, err := os.StartProcess(argv[0], argv, &os.ProcAttr{Files: []*os.File{os.Stdin, null, os.Stderr}})
	if err != nil {
		return 0, err
	}
	state, err := p.Wait()
	if err != nil {
		return 0, err
	}
	if !state.Success() {
		return 0, fmt.Errorf("%s: %v", argv[0], state)
	}
	most := state.SysUsage().(*syscall.Rusage).Maxrss
	if runtime.GOOS == "linux" {
		most *= 1024 // other systems report bytes
	}
	return most, nil
}
