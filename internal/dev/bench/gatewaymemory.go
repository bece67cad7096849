package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"time"
)

// openStreams is the number of open streams while memory is measured.
const openStreams = 100

// memoryLimit is the target, as a multiple of the bare proxy's memory.
const memoryLimit = 1.4

// memory measures a process's resident memory with many open streams.
func (c *comparison) memory(ctx context.Context) error {
	starts := perWay[func() (way, func() error, error)]{
		bare:    func() (way, func() error, error) { return c.processes.bare() },
		gateway: c.processes.gateway,
	}
	for _, of := range []struct {
		prompt int
		name   string
	}{
		{smallPrompt, fmt.Sprintf("resident, %d open streams", openStreams)},
		{largePrompt, fmt.Sprintf("the same, requests of %d kB", largePrompt>>10)},
		{hugePrompt, fmt.Sprintf("the same, requests of %d MB", hugePrompt>>20)},
	} {
		var used perWay[memory]
		for w, start := range starts {
			if start == nil {
				continue
			}
			process, stop, err := start()
			if err != nil {
				return err
			}
			used[w], err = c.watch(ctx, process, process.request(pathHold, prompt(of.prompt)))
			if err := errors.Join(err, stop()); err != nil {
				return fmt.Errorf("%s: %w", c.ways[w].name, err)
			}
		}
		c.memoryRow(of.name, used, func(m memory) float64 { return m.rss }, true)
		c.memoryRow("– counted by its share (Pss)", used, func(m memory) float64 { return m.pss }, false)
		c.memoryRow("– without the program's file (RssAnon)", used, func(m memory) float64 { return m.anon }, false)
	}
	return nil
}

func (c *comparison) memoryRow(name string, used perWay[memory], of func(memory) float64, judged bool) {
	target := ""
	g, b := of(used[gateway]), of(used[bare])
	if judged {
		target = fmt.Sprintf("at most %g × bare", memoryLimit)
	}
	c.add(target, g <= memoryLimit*b, name, "–", mb(b), mb(g), "–", times(g/b))
}

// watch opens the streams, and returns the largest memory of the process while they ran.
func (c *comparison) watch(ctx context.Context, over way, request []byte) (most memory, err error) {
	begun := make(chan error, 2*openStreams) // gets nil at the first event of a stream, and an error at the end of a stream
	for range openStreams {
		open, err := dial(ctx, over)
		if err != nil {
			return most, err
		}
		defer open.close()
		go func() { begun <- follow(open, request, begun) }()
	}
	for range openStreams {
		if err := <-begun; err != nil {
			return most, err
		}
	}
	pause := time.NewTimer(c.effort.settle) // the start of the streams needs extra memory
	<-pause.C
	sample := time.NewTicker(c.effort.memoryTime / 20)
	defer sample.Stop()
	for range 20 {
		<-sample.C
		now, err := memoryOf(over.pid)
		if err != nil {
			return most, err
		}
		most = memory{max(most.rss, now.rss), max(most.anon, now.anon), max(most.pss, now.pss)}
	}
	select {
	case err := <-begun:
		return most, fmt.Errorf("a stream ended early: %w", err)
	default:
		return most, nil
	}
}

// follow reads a stream until it ends or is closed. It sends nil to begun at the first event.
func follow(w *wire, request []byte, begun chan<- error) error {
	if err := w.extend(); err != nil {
		return err
	}
	body, err := w.stream(request)
	if err != nil {
		return err
	}
	lines := bufio.NewReader(body)
	for first := true; ; first = false {
		if _, err := lines.ReadSlice('\n'); err != nil {
			return err
		}
		if first {
			begun <- nil
		}
	}
}
