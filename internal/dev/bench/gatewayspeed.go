package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ocgo-key/internal/text"
)

// blockSize is the number of requests on one route before the next route follows.
const blockSize = 20

// latency measures one client that sends one request after another.
func (c *comparison) latency(ctx context.Context) error {
	p50, p99, err := c.latencies(ctx, smallPrompt, c.effort.latencyRequests)
	if err != nil {
		return err
	}
	c.slower("answer, 1 client, p50", p50, addedRatio(1.05))
	c.slower("answer, 1 client, p99", p99, addedRatio(1))
	p50, _, err = c.latencies(ctx, largePrompt, c.effort.bodyRequests)
	if err != nil {
		return err
	}
	c.slower(fmt.Sprintf("the same, request of %d kB, p50", largePrompt>>10), p50, addedRatio(1.05))
	return nil
}

// latencies returns the p50 and p99 of each round in ms.
func (c *comparison) latencies(ctx context.Context, size, requests int) (p50, p99 perWay[[]float64], err error) {
	wires, err := c.wires(ctx)
	if err != nil {
		return p50, p99, err
	}
	var asked perWay[[]byte]
	for i, w := range c.ways {
		asked[i] = w.request(pathSmall, prompt(size))
	}
	for round := range c.effort.latencyRounds + 1 { // the first round is to warm up
		var samples perWay[[]float64]
		err := turns(requests/blockSize, len(c.ways), func(w int) error {
			if err := wires[w].extend(); err != nil {
				return err
			}
			for range blockSize {
				start := time.Now()
				if err := wires[w].ask(asked[w]); err != nil {
					return fmt.Errorf("%s: %w", c.ways[w].name, err)
				}
				samples[w] = append(samples[w], milliseconds(time.Since(start)))
			}
			return nil
		})
		if err != nil {
			return p50, p99, err
		}
		for w := range samples {
			if round > 0 {
				p50[w] = append(p50[w], quantile(samples[w], 0.5))
				p99[w] = append(p99[w], quantile(samples[w], 0.99))
			}
		}
	}
	return p50, p99, nil
}

// throughput measures clients that each send one request after another.
func (c *comparison) throughput(ctx context.Context) error {
	for _, clients := range []int{1, 32, 256} {
		rate, cost, err := c.load(ctx, clients)
		if err != nil {
			return fmt.Errorf("%d clients: %w", clients, err)
		}
		c.throughputRow("throughput, "+text.Count(clients, "client", "clients"), rate, 0.95)
		if clients == 32 {
			c.costRow("processor time per request, 32 clients", cost)
		}
	}
	// The gateway reuses its buffers, and the bare proxy does not. So this also measures a bare
	// proxy that reuses its buffers.
	pooled, stop, err := c.processes.bare("pooled")
	if err != nil {
		return err
	}
	other := *c
	other.ways[bare], other.rows = pooled, nil
	rate, cost, err := other.load(ctx, 32)
	if err := errors.Join(err, stop()); err != nil {
		return err
	}
	c.throughputRow("throughput, 32 clients, bare proxy with a buffer pool", rate, 0)
	c.costRow("processor time per request, the same", cost)
	return nil
}

// throughputRow returns a row for requests per second. The target is a fraction of the bare proxy's
// rate.
func (c *comparison) throughputRow(name string, rate perWay[[]float64], least float64) {
	cell := func(w int) string { return fmt.Sprintf("%.0f/s", median(rate[w])) }
	target := ""
	if least > 0 {
		target = fmt.Sprintf("at least %g × bare", least)
	}
	ratio := paired(rate[gateway], rate[bare], per)
	c.add(target, median(ratio) >= least, name, cell(direct), cell(bare), cell(gateway),
		times(median(paired(rate[gateway], rate[direct], per))), fmt.Sprintf("%s (%s)", times(median(ratio)), spread(ratio)))
}

func (c *comparison) costRow(name string, cost perWay[float64]) {
	c.add("", false, name, "–", fmt.Sprintf("%.0f µs", cost[bare]), fmt.Sprintf("%.0f µs", cost[gateway]), "–", times(cost[gateway]/cost[bare]))
}

// load returns the requests per second of each round. It also returns the processor time per
// request, in µs over all rounds, of the process that serves the route.
func (c *comparison) load(ctx context.Context, clients int) (rate perWay[[]float64], cost perWay[float64], err error) {
	var wires perWay[[]*wire]
	var asked perWay[[]byte]
	for i, w := range c.ways {
		asked[i] = w.request(pathSmall, prompt(smallPrompt))
		for range clients {
			open, err := dial(ctx, w)
			if err != nil {
				return rate, cost, err
			}
			defer open.close()
			// The gateway limits the number of connections that have sent no request yet.
			if err := errors.Join(open.extend(), open.ask(asked[i])); err != nil {
				return rate, cost, fmt.Errorf("%s: %w", w.name, err)
			}
			wires[i] = append(wires[i], open)
		}
	}
	var requests, seconds perWay[float64]
	turn := 0
	err = turns(c.effort.loadRounds+1, len(c.ways), func(w int) error {
		turn++
		before, err := processorTime(c.ways[w].pid)
		if err != nil {
			return err
		}
		answers, took, err := saturate(wires[w], asked[w], c.effort.loadWindow)
		if err != nil {
			return fmt.Errorf("%s: %w", c.ways[w].name, err)
		}
		after, err := processorTime(c.ways[w].pid)
		if turn > len(c.ways) { // the first round is to warm up
			rate[w] = append(rate[w], float64(answers)/took.Seconds())
			requests[w] += float64(answers)
			seconds[w] += after - before
		}
		return err
	})
	for w := range cost {
		cost[w] = seconds[w] / requests[w] * 1e6
	}
	return rate, cost, err
}

// saturate makes every connection send one request after another for a time. It counts the answers
// until the last one has arrived.
func saturate(wires []*wire, request []byte, window time.Duration) (answers int64, took time.Duration, err error) {
	var count atomic.Int64
	var over atomic.Bool
	errs := make([]error, len(wires))
	var clients sync.WaitGroup
	start := time.Now()
	for i, w := range wires {
		clients.Go(func() {
			n := int64(0)
			for errs[i] = w.extend(); errs[i] == nil && !over.Load(); n++ {
				errs[i] = w.ask(request)
			}
			count.Add(n)
		})
	}
	timer := time.AfterFunc(window, func() { over.Store(true) })
	defer timer.Stop()
	clients.Wait()
	took = time.Since(start)
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return 0, 0, errs[i]
	}
	return count.Load(), took, nil
}
