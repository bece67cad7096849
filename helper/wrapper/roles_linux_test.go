package wrapper_test

import (
	"bufio"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// act acts as the command that the wrapper runs, in this role.
func act(role string) {
	switch role {
	case "listen":
		listen()
	case "raw":
		modes, err := unix.IoctlGetTermios(0, unix.TCGETS)
		if err != nil {
			fmt.Println(err)
			return
		}
		modes.Lflag &^= unix.ECHO | unix.ICANON
		fmt.Println("raw:", unix.IoctlSetTermios(0, unix.TCSETS, modes))
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		time.Sleep(time.Minute)
	case "stop itself":
		fmt.Println("stopping")
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		fmt.Println("going on")
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("ready")
		time.Sleep(time.Minute)
	}
}

// listen counts signals. At each line of input it prints the counts since the line before.
func listen() {
	signals := make(chan os.Signal, 100)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2,
		syscall.SIGWINCH, syscall.SIGCONT, syscall.SIGALRM)
	lines := make(chan string)
	go func() {
		in := bufio.NewScanner(os.Stdin)
		for in.Scan() {
			lines <- in.Text()
		}
		close(lines)
	}()
	fmt.Println("ready")
	counts := map[os.Signal]int{}
	for {
		select {
		case s := <-signals:
			counts[s]++
			fmt.Printf("got %v %d\n", s, counts[s])
		case line, ok := <-lines:
			if !ok || line == "end" {
				return
			}
			fmt.Printf("%s: %v\n", line, counts)
			clear(counts)
		}
	}
}
