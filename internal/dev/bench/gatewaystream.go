package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// firstToken measures when the first event of a stream arrives, and how long events take from the
// service to the client.
func (c *comparison) firstToken(ctx context.Context) error {
	wires, err := c.wires(ctx)
	if err != nil {
		return err
	}
	var total, first, rest perWay[[]float64]
	for round := range c.effort.streamRounds + 1 { // the first round is to warm up
		var samples perWay[[3][]float64]
		err := turns(c.effort.streams, len(c.ways), func(w int) error {
			t, transit, err := readStream(wires[w], c.ways[w].request(pathStream, prompt(smallPrompt)))
			if err != nil {
				return fmt.Errorf("%s: %w", c.ways[w].name, err)
			}
			s := &samples[w]
			s[0], s[1], s[2] = append(s[0], t), append(s[1], transit[0]), append(s[2], transit[1:]...)
			return nil
		})
		if err != nil {
			return err
		}
		for w, s := range samples {
			if round > 0 {
				total[w] = append(total[w], median(s[0]))
				first[w] = append(first[w], median(s[1]))
				rest[w] = append(rest[w], median(s[2]))
			}
		}
	}
	c.slower("first token, p50", total, bound{}) // the time includes a request, which has another target
	c.slower("delivery of the first event, p50", first, later(0.2))
	c.slower("delivery of later events, p50", rest, bound{})
	return nil
}

// readStream returns the time from the request to the first event of the stream, and the delivery
// time of each event. All times are in ms.
func readStream(w *wire, request []byte) (total float64, transit []float64, err error) {
	if err := w.extend(); err != nil {
		return 0, nil, err
	}
	start := time.Now()
	body, err := w.stream(request)
	if err != nil {
		return 0, nil, err
	}
	for lines := bufio.NewReader(body); ; {
		line, err := lines.ReadString('\n')
		now := time.Now()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, nil, err
		}
		var sent int64
		if n, _ := fmt.Sscanf(line, event, &sent); n != 1 {
			continue // the empty line after an event
		}
		if transit == nil {
			total = milliseconds(now.Sub(start))
		}
		transit = append(transit, milliseconds(time.Duration(now.UnixNano()-sent)))
	}
	if len(transit) != streamEvents {
		return 0, nil, fmt.Errorf("%d of %d events arrived", len(transit), streamEvents)
	}
	return total, transit, body.Close()
}
