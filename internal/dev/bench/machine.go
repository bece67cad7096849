package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// machine describes the machine without its name.
func machine() string {
	system := runtime.GOOS
	if data, err := os.ReadFile("/etc/os-release"); err == nil {
		for line := range strings.Lines(string(data)) {
			if name, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
				system = strings.Trim(name, `"`)
			}
		}
	}
	return fmt.Sprintf("%d cores, %s, %s, %s", runtime.NumCPU(), system, runtime.GOARCH, strings.Replace(runtime.Version(), "go", "Go ", 1))
}

// memory is a process's resident memory, in bytes.
type memory struct {
	rss  float64 // VmRSS: everything, including shared pages
	anon float64 // RssAnon: its own pages, without the program's file
	pss  float64 // Pss: with its part of the shared pages
}

// memoryOf reads a process's memory (proc_pid_status(5), proc_pid_smaps(5)).
func memoryOf(pid int) (m memory, err error) {
	status, err := procFields(pid, "status")
	if err != nil {
		return m, err
	}
	rollup, err := procFields(pid, "smaps_rollup")
	if err != nil {
		return m, err
	}
	m = memory{rss: status["VmRSS"], anon: status["RssAnon"], pss: rollup["Pss"]}
	if m.rss == 0 || m.pss == 0 {
		return m, fmt.Errorf("the system does not tell the memory of process %d", pid)
	}
	return m, nil
}

// procFields reads the lines "Name: N kB" of one of a process's files, in bytes.
func procFields(pid int, file string) (map[string]float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return nil, err
	}
	fields := make(map[string]float64)
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		if kb, ok := strings.CutSuffix(strings.TrimSpace(value), " kB"); ok {
			n, err := strconv.ParseFloat(kb, 64)
			if err != nil {
				return nil, fmt.Errorf("%s of process %d: %w", file, pid, err)
			}
			fields[name] = n * 1024
		}
	}
	return fields, lines.Err()
}

// tick is the unit of processor time in /proc; 100 a second on every Linux that Go runs on
// (USER_HZ).
const tick = 0.01

// processorTime returns the processor time of a process so far, in seconds (proc_pid_stat(5),
// fields 14 and 15).
func processorTime(pid int) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := bytes.Cut(data, []byte(") ")) // our programs' names contain no parenthesis
	fields := strings.Fields(string(rest))
	if len(fields) < 13 {
		return 0, fmt.Errorf("the system does not tell the processor time of process %d", pid)
	}
	user, err := strconv.ParseFloat(fields[11], 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseFloat(fields[12], 64)
	return (user + system) * tick, err
}
