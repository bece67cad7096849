package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// comparison has the compared routes to the service, and their results.
type comparison struct {
	*processes
	*settings
	ways [3]way // in the order of the constants
	rows []row
}

// These are the compared routes to the service, as indexes of comparison.ways.
const (
	direct = iota
	bare
	gateway
)

// perWay has one value for each route.
type perWay[T any] [3]T

// benchGateway makes the section about the gateway.
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
		"The service is a small net/http server. The bare proxy is an `httputil.ReverseProxy` (`Rewrite`, `FlushInterval` -1, the gateway's " +
			"transport settings, no buffer pool). The gateway is `ocgo-key gateway`, with its state in a file and its keys in a real gnome-keyring. " +
			"Each of them is a separate process on 127.0.0.1, and so is the client, which only writes and reads bytes.",
		fmt.Sprintf("The compared routes to the service take turns in short blocks, in an order that changes from round to round. A number is the median of "+
			"the rounds (%d for latency, %d for each number of clients, %d for streams). Ratios and differences are computed within each round; the "+
			"table has their median. The middle half of the rounds is in brackets.", e.latencyRounds, e.loadRounds, e.streamRounds),
		"The client and the service share the few cores with the measured process, and a client sends its next request only after the answer. " +
			"So the ratios of throughput are closer to 1 than on a larger machine. The processor time per request is only that of the proxy or the " +
			"gateway.",
		fmt.Sprintf("First token: the service sends its headers at once and its first event after %v. The delivery of an event is the time from just before the "+
			"service writes it until the client has read it.", firstToken),
		"The row with the worst fail-over is the maximum of the first fail-overs of new gateways, which share two cores with all other " +
			"processes. The median and the p99 in the rows above it say more.",
		"Fail-over is the time at the service from just before it writes the last bytes of a 429 until the next request arrives. In the columns " +
			"direct and bare proxy, the client itself reads the 429 and sends the request again with another key.",
		fmt.Sprintf("Memory is measured for a new process of each kind with %d streams of %d events a second. It is the highest sample in %v, from %v after "+
			"the start of the last stream.",
			openStreams, int(1/holdPause.Seconds()), e.memoryTime, e.settle),
		"For the row \"state and keychain, calls per request\", the gateway runs in the client's process, with a state file and a keychain that count the calls.",
	}
}

// add adds a row to the table.
func (c *comparison) add(target string, met bool, cells ...string) {
	c.rows = append(c.rows, row{cells: cells, target: target, met: met})
}

// wires opens one connection for each route. It stays open until ctx ends.
func (c *comparison) wires(ctx context.Context) (w perWay[*wire], err error) {
	for i, way := range c.ways {
		if w[i], err = dial(ctx, way); err != nil {
			break
		}
	}
	return w, err
}

// addedRatio is the target for the time that the gateway adds to a request, as a multiple of the
// time that the bare proxy adds.
func addedRatio(most float64) bound {
	return bound{fmt.Sprintf("added: at most %g × bare", most), func(_, ratio float64) bool { return ratio <= most }}
}

// later is the target for the gateway's delay compared with the bare proxy, in ms.
func later(most float64) bound {
	return bound{fmt.Sprintf("at most %g ms slower than bare", most), func(difference, _ float64) bool { return difference <= most }}
}

// slower returns a row for times in ms; less is better. It has targets for the difference to the
// bare proxy, and for the ratio of the added times.
func (c *comparison) slower(name string, v perWay[[]float64], target bound) {
	added, behind := paired(v[gateway], v[direct], minus), median(paired(v[gateway], v[bare], minus))
	ratio, addedRatio := paired(v[gateway], v[bare], per), median(paired(added, paired(v[bare], v[direct], minus), per))
	c.add(target.text, target.holds(behind, addedRatio), name, ms(median(v[direct])), ms(median(v[bare])), ms(median(v[gateway])),
		fmt.Sprintf("%+.3f ms, %s", median(added), times(median(paired(v[gateway], v[direct], per)))),
		fmt.Sprintf("%s (%s), added %s", times(median(ratio)), spread(ratio), times(addedRatio)))
}

// prompt returns a request body of about this size.
func prompt(size int) []byte {
	text := strings.Repeat("word ", size/5)
	return fmt.Appendf(nil, `{"model":"bench","messages":[{"role":"user","content":%q}]}`, text)
}

// These are the sizes of requests, in bytes: a short question, an agent's turn with tools and
// files, and a turn with pictures.
const (
	smallPrompt = 100
	largePrompt = 128 << 10
	hugePrompt  = 2 << 20
)
