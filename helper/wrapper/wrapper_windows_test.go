package wrapper_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows"

	"ocgo-key/helper/wrapper"
)

// patience is longer than a slow machine needs for any step.
const patience = 30 * time.Second

// in returns the environment in which this binary plays a role, and the path of its output file.
func in(t *testing.T, role string) (env []string, file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "said")
	return append(os.Environ(), roleVariable+"="+role, fileVariable+"="+file), file
}

// await waits for a file and returns its content.
func await(t *testing.T, file string) string {
	t.Helper()
	for limit := time.Now().Add(patience); time.Now().Before(limit); time.Sleep(time.Millisecond) {
		text, err := os.ReadFile(file)
		if err == nil {
			return string(text)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	t.Fatalf("%s was not written", file)
	return ""
}

// installed writes a batch file like npm's that starts this binary, and returns its path.
func installed(t *testing.T) string {
	t.Helper()
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "node_modules", "client", "bin", "client.exe")
	batch := filepath.Join(dir, "client.cmd")
	if err := errors.Join(os.MkdirAll(filepath.Dir(program), 0o700), os.WriteFile(program, self, 0o700),
		os.WriteFile(batch, []byte("@ECHO off\r\nSET dp0=%~dp0\r\n\"%dp0%\\node_modules\\client\\bin\\client.exe\"   %*\r\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	return batch
}

// cmd.exe would change each of these arguments.
func TestArgumentsPastABatchFile(t *testing.T) {
	arguments := []string{"line\nbreak", "%PATH%", `"& echo x`, "a&b", `back\slash\`, "", "é"}
	env, file := in(t, "arguments")
	status, _, err := wrapper.Run(wrapper.Command{Argv: slices.Concat([]string{installed(t)}, arguments), Env: env}, wrapper.Options{})
	if err != nil || status.Code != 0 {
		t.Fatal(status, err)
	}
	var got []string
	if err := json.Unmarshal([]byte(await(t, file)), &got); err != nil || !slices.Equal(got, arguments) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestBatchFileWithoutAProgram(t *testing.T) {
	batch := filepath.Join(t.TempDir(), "other.cmd")
	if err := os.WriteFile(batch, []byte("@exit /b 7\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := wrapper.Run(wrapper.Command{Argv: []string{batch, "%PATH%"}}, wrapper.Options{})
	if !errors.Is(err, wrapper.ErrCannotRun) || !strings.Contains(err.Error(), "argument 1") {
		t.Error(err)
	}
	status, _, err := wrapper.Run(wrapper.Command{Argv: []string{batch, "fine"}, Env: os.Environ()}, wrapper.Options{})
	if err != nil || status.Code != 7 {
		t.Error(status, err)
	}
}

// open returns a handle of the process whose id is in the file.
func open(t *testing.T, file string) windows.Handle {
	t.Helper()
	pid, err := strconv.Atoi(await(t, file))
	if err != nil {
		t.Fatal(err)
	}
	process, err := windows.OpenProcess(windows.SYNCHRONIZE|windows.PROCESS_TERMINATE, false, uint32(pid))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = windows.CloseHandle(process) })
	return process
}

// A stop also ends the processes that the command has started: the command may be a launcher.
func TestStopEndsGrandchildren(t *testing.T) {
	env, file := in(t, "parent")
	orders, ran := make(chan wrapper.Order), make(chan error, 1)
	go func() {
		_, ordered, err := wrapper.Run(wrapper.Command{Argv: []string{os.Args[0]}, Env: env}, wrapper.Options{Orders: orders})
		if err == nil && !ordered {
			err = errors.New("the command ended by itself")
		}
		ran <- err
	}()
	grandchild := open(t, file)
	orders <- wrapper.Order{}
	if err := <-ran; err != nil {
		t.Error(err)
	}
	if event, err := windows.WaitForSingleObject(grandchild, uint32(patience.Milliseconds())); event != windows.WAIT_OBJECT_0 {
		t.Errorf("the grandchild is left: %d, %v", event, err)
	}
}

// If the command ends by itself, the processes that it started keep running.
func TestEndLeavesGrandchildren(t *testing.T) {
	env, file := in(t, "leaver")
	if status, _, err := wrapper.Run(wrapper.Command{Argv: []string{os.Args[0]}, Env: env}, wrapper.Options{}); err != nil || status.Code != 0 {
		t.Fatal(status, err)
	}
	grandchild := open(t, file)
	if event, err := windows.WaitForSingleObject(grandchild, 0); event != uint32(windows.WAIT_TIMEOUT) {
		t.Errorf("the grandchild has ended: %d, %v", event, err)
	}
	if err := windows.TerminateProcess(grandchild, 0); err != nil {
		t.Error(err)
	}
}
