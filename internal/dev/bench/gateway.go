package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// comparison holds the ways to the service that are compared, and their results.
type comparison struct {
	*processes
	*settings
	ways [3]way // in the order of the constants
	rows []row
}

// The ways, as indexes.
const (
	direct = iota
	bare
	gateway
)

// perWay holds one value for each way.
type perWay[T any] [3]T

// benchGateway is the gateway's section.
func benchGateway(ctx context.Context, s *settings) (r *report, err error) {
	l, err := startProcesses(ctx, s.binary)
	defer func() { err = errors.Join(err, l.Close()) }()
	if err != nil {
		return nil, err
	}
	c := &comparison{processes: l, settings: s}
	c.ways[direct] = l.direct
	if c.ways[bare], _, err = l.bare(); err != nil {
		return nil, err
	}
	if c.ways[gateway], _, err = l.gateway(); err != nil {
		return nil, err
	}
	for _, part := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"added latency", c.latency},
		{"throughput", c.throughput},
		{"first token", c.firstToken},
		{"fail-over", c.failover},
		{"memory", c.memory},
		{"what a request asks for", c.quiet},
	} {
		if len(s.parts) > 0 && !slices.Contains(s.parts, part.name) {
			continue
		}
		s.log(part.name)
		ctx, closeConnections := context.WithCancel(ctx)
		err := part.run(ctx)
		closeConnections()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return &report{
		title:   "Gateway",
		columns: []string{"measure", "direct", "bare proxy", "gateway", "to direct", "to bare proxy"},
		rows:    c.rows,
		notes:   c.notes(),
	}, nil
}

func (c *comparison) notes() []string {
	e := c.effort
	return []string{
		"The service is a small net/http server, the bare proxy an `httputil.ReverseProxy` (`Rewrite`, `FlushInterval` -1, a transport of the " +
			"gateway's settings, no buffer pool), and the gateway is `ocgo-key gateway` itself, with its state in a file and its keys in a real " +
			"gnome-keyring. Each is a process of its own, and so is the client, which writes and reads bytes and does no more. All of it is on 127.0.0.1.",
		fmt.Sprintf("The ways take turns in short blocks, in an order that changes from round to round. A number is the median of the rounds "+
			"(%d for latency, %d for each number of clients, %d for streams); a ratio or a difference is taken within each round, then its median. "+
			"In brackets: the middle half of the rounds.", e.latencyRounds, e.loadRounds, e.streamRounds),
		"With a closed loop on few cores the client and the service share the processors with what is measured, which draws the ratios of throughput " +
			"towards 1; the processor time per request is that of the process in between alone.",
		fmt.Sprintf("First token: the service sends its headers at once and its first event after %v. An event's way is from just before it is written to "+
			"when it was read.", firstToken),
		"The row with the worst fail-over is a maximum, of the first fail-overs of fresh processes that share two cores with all the others; " +
			"the target is held against the median and the p99 above it.",
		"Fail-over: at the service, from just before the last bytes of a 429 are written to when the next request has arrived. Direct and " +
			"bare proxy: the client itself reads the 429 and sends the request again with another key.",
		fmt.Sprintf("Memory: a fresh process of each kind with %d streams of %d events a second; the highest of the samples taken in %v, from %v after the last one began.",
			openStreams, int(1/holdPause.Seconds()), e.memoryTime, e.settle),
		"What a request asks for: a gateway over a state file and a keychain that count, in one process with the client.",
	}
}

// add takes a row of the table.
func (c *comparison) add(target string, met bool, cells ...string) {
	c.rows = append(c.rows, row{cells: cells, target: target, met: met})
}

// wires opens one connection for each way, until ctx ends.
func (c *comparison) wires(ctx context.Context) (w perWay[*wire], err error) {
	for i, way := range c.ways {
		if w[i], err = dial(ctx, way); err != nil {
			break
		}
	}
	return w, err
}

// A limit is a target for times, and its wording in the report; the zero value is no limit.
type limit struct {
	text string
	met  func(v perWay[[]float64]) bool
}

// addedRatio limits the time that the gateway adds to a direct request, as a multiple of what the
// bare proxy adds.
func addedRatio(most float64) limit {
	return limit{fmt.Sprintf("added: at most %g of bare", most), func(v perWay[[]float64]) bool {
		return median(paired(paired(v[gateway], v[direct], minus), paired(v[bare], v[direct], minus), per)) <= most
	}}
}

// later limits how many ms the gateway may be slower than the bare proxy.
func later(most float64) limit {
	return limit{fmt.Sprintf("at most %g ms behind bare", most), func(v perWay[[]float64]) bool {
		return median(paired(v[gateway], v[bare], minus)) <= most
	}}
}

// slower returns a row for times in ms, of which less is better.
func (c *comparison) slower(name string, v perWay[[]float64], l limit) {
	added := paired(v[gateway], v[direct], minus)
	ratio, addedRatio := paired(v[gateway], v[bare], per), paired(added, paired(v[bare], v[direct], minus), per)
	c.add(l.text, l.met != nil && l.met(v), name, ms(median(v[direct])), ms(median(v[bare])), ms(median(v[gateway])),
		fmt.Sprintf("%+.3f ms, %s", median(added), times(median(paired(v[gateway], v[direct], per)))),
		fmt.Sprintf("%s (%s), added %s", times(median(ratio)), spread(ratio), times(median(addedRatio))))
}

// prompt returns a request's body of about this size.
func prompt(size int) []byte {
	text := strings.Repeat("word ", size/5)
	return fmt.Appendf(nil, `{"model":"bench","messages":[{"role":"user","content":%q}]}`, text)
}

// Sizes of requests, in bytes: a short question, an agent's turn with its tools and the files it
// has read, and a turn with pictures.
const (
	smallPrompt = 100
	largePrompt = 128 << 10
	hugePrompt  = 2 << 20
)
