package wrapper_test

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"ocgo-key/helper/wrapper"
)

// roleVariable names the role of this test binary: it can act as the wrapper under test, or as the
// command that the wrapper runs.
const roleVariable = "WRAPPER_TEST_ROLE"

func TestMain(m *testing.M) {
	switch role := os.Getenv(roleVariable); role {
	case "":
		if signal.Ignored(syscall.SIGHUP) { // as under nohup; catching SIGHUP gives it its default effect in child processes
			signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
		}
		os.Exit(m.Run())
	case "wrapper":
		os.Exit(actAsWrapper(os.Args[1:]))
	default:
		act(role)
		os.Exit(0)
	}
}

// actAsWrapper runs argv in the wrapper, and exits as `run` does.
func actAsWrapper(argv []string) int {
	env := os.Environ()
	if role := os.Getenv("WRAPPER_TEST_CHILD"); role != "" {
		env = append(env, roleVariable+"="+role)
	} else {
		env = append(env, roleVariable+"=")
	}
	status, _, err := wrapper.Run(wrapper.Command{Argv: argv, Env: env}, wrapper.Options{})
	switch {
	case errors.Is(err, wrapper.ErrNotFound):
		fmt.Fprintln(os.Stderr, err)
		return 127
	case errors.Is(err, wrapper.ErrCannotRun):
		fmt.Fprintln(os.Stderr, err)
		return 126
	}
	if status.Signal != 0 {
		wrapper.Die(status.Signal)
	}
	return status.Code
}
