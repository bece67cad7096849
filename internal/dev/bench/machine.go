package main

import (
	"fmt"
	"os"
	"strings"
)

// memory is the resident memory of a process, in bytes.
type memory struct {
	rss  float64 // VmRSS: all pages, including shared ones
	anon float64 // RssAnon: private pages, without the program file
	pss  float64 // Pss: shared pages count by their share
}

// memoryOf reads a process's memory (proc_pid_status(5), proc_pid_smaps(5)).
func memoryOf(pid int) (m memory, err error) {
	kB := make(map[string]float64)
	for _, file := range []string{"status", "smaps_rollup"} {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
		if err != nil {
			return m, err
		}
		for line := range strings.Lines(string(data)) {
			var name string
			var value float64
			if n, _ := fmt.Sscanf(line, "%s %f kB", &name, &value); n == 2 {
				kB[name] = value
			}
		}
	}
	m = memory{rss: kB["VmRSS:"] * 1024, anon: kB["RssAnon:"] * 1024, pss: kB["Pss:"] * 1024}
	if m.rss == 0 || m.pss == 0 {
		return m, fmt.Errorf("/proc does not show the memory of process %d", pid)
	}
	return m, nil
}

// tick is the unit of processor time in /proc. It is 1/100 second on every Linux that Go runs on
// (USER_HZ).
const tick = 0.01

// processorTime returns the processor time of a process so far, in seconds (proc_pid_stat(5),
// fields 14 and 15).
func processorTime(pid int) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(data), ") ") // our programs' names contain no parenthesis
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc does not show the processor time of process %d", pid)
	}
	var user, system float64
	_, err = fmt.Sscan(fields[11]+" "+fields[12], &user, &system)
	return (user + system) * tick, err
}
