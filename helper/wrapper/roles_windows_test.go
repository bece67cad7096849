package wrapper_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// fileVariable names the file for the output of a role.
const fileVariable = "WRAPPER_TEST_FILE"

// act is the program that the wrapper runs in a test. role selects what it does.
func act(role string) {
	switch role {
	case "arguments": // writes its arguments
		text, err := json.Marshal(os.Args[1:])
		say(text, err)
	case "parent": // starts a child and waits for it
		_ = child().Wait()
	case "leaver": // starts a child, and ends when the child runs
		child()
		for {
			if _, err := os.Stat(os.Getenv(fileVariable)); err == nil {
				return
			}
			time.Sleep(time.Millisecond)
		}
	case "sleeper": // writes its process id
		say([]byte(strconv.Itoa(os.Getpid())), nil)
		time.Sleep(time.Minute)
	}
}

func child() *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"=sleeper")
	if err := cmd.Start(); err != nil {
		say(nil, err)
	}
	return cmd
}

// say replaces the file as a whole, so that no reader sees a part of it.
func say(text []byte, err error) {
	path := os.Getenv(fileVariable)
	if err == nil {
		err = os.WriteFile(path+".part", text, 0o600)
	}
	if err == nil {
		err = os.Rename(path+".part", path)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
