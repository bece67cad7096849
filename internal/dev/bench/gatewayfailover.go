package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// A limited account is ready again after accountBack. A fail-over begins every failoverPause, so
// the pool is never used up.
const (
	accountBack   = 300 * time.Millisecond
	failoverPause = 60 * time.Millisecond
)

// failoverLimit is the target for the median, in ms above the median of direct requests.
// failoverWorst is the target for the slowest fail-over, in ms.
const (
	failoverLimit = 1.2
	failoverWorst = 5
)

// failover measures the time from a 429 to the next request.
func (c *comparison) failover(ctx context.Context) error {
	wires, err := c.wires(ctx)
	if err != nil {
		return err
	}
	pace := time.NewTicker(failoverPause)
	defer pace.Stop()
	var delays perWay[[]float64]
	var count int
	one := func(over way, on *wire, again bool) (float64, error) {
		count++
		delay, err := c.failOver(over, on, fmt.Sprint(count), again)
		if err != nil {
			err = fmt.Errorf("%s: %w", over.name, err)
		}
		return delay, err
	}
	// Switch to every account once, so that the gateway has every key in memory.
	for range accounts {
		if _, err := one(c.ways[gateway], wires[gateway], false); err != nil {
			return err
		}
		<-pace.C
	}
	err = turns(c.effort.failovers, len(c.ways), func(w int) error {
		delay, err := one(c.ways[w], wires[w], w != gateway)
		delays[w] = append(delays[w], delay)
		if w == gateway {
			<-pace.C
		}
		return err
	})
	if err != nil {
		return err
	}
	fetched := delays
	if fetched[gateway], err = c.failoverWithFetch(ctx, one, pace.C); err != nil {
		return err
	}
	c.failoverRow("fail-over, p50", delays, 0.5)
	c.failoverRow("fail-over, p99", delays, 0.99)
	c.failoverRow("the same, key from the keychain, p50", fetched, 0.5)
	c.failoverRow(fmt.Sprintf("the same, worst of %d", len(fetched[gateway])), fetched, 1)
	return nil
}

// failoverWithFetch returns the delays, in ms, if the gateway fetches each key from the keychain
// during the fail-over.
func (c *comparison) failoverWithFetch(ctx context.Context, one func(way, *wire, bool) (float64, error), pace <-chan time.Time) (delays []float64, err error) {
	for range c.effort.freshGateways {
		fresh, stop, err := c.processes.gateway()
		if err != nil {
			return nil, err
		}
		on, err := dial(ctx, fresh)
		if err != nil {
			return nil, err
		}
		err = on.ask(fresh.request(pathSmall, prompt(smallPrompt)))
		for range accounts - 1 { // the gateway has the key of its first account from the start
			if err != nil {
				break
			}
			var delay float64
			delay, err = one(fresh, on, false)
			delays = append(delays, delay)
			<-pace
		}
		on.close()
		if err := errors.Join(err, stop()); err != nil {
			return nil, err
		}
	}
	return delays, nil
}

func (c *comparison) failoverRow(name string, delays perWay[[]float64], q float64) {
	var v perWay[float64]
	for w, samples := range delays {
		v[w] = quantile(slices.Clone(samples), q)
	}
	target, met := fmt.Sprintf("under %d ms", failoverWorst), v[gateway] < failoverWorst
	if q == 0.5 {
		target, met = fmt.Sprintf("under %g ms over direct", failoverLimit), v[gateway]-v[direct] < failoverLimit
	}
	c.add(target, met, name, ms(v[direct]), ms(v[bare]), ms(v[gateway]),
		fmt.Sprintf("%+.3f ms, %s", v[gateway]-v[direct], times(v[gateway]/v[direct])), times(v[gateway]/v[bare]))
}

// failOver makes the service answer one request with a limit, and returns the time in ms until the
// next request arrives. If again is set, the client sends the next request; otherwise the process
// in between does.
func (c *comparison) failOver(over way, on *wire, id string, again bool) (delay float64, err error) {
	if err := on.extend(); err != nil {
		return 0, err
	}
	header := []string{headerID + ": " + id, fmt.Sprintf("%s: %d", headerBack, accountBack.Milliseconds())}
	request := over.request(pathLimited, prompt(smallPrompt), header...)
	if again {
		over.key = keyOf(2)
		second := over.request(pathLimited, prompt(smallPrompt), header...)
		status, err := on.exchange(request)
		if err != nil {
			return 0, err
		}
		if status != http.StatusTooManyRequests {
			return 0, fmt.Errorf("the answer was %d, not 429", status)
		}
		request = second
	}
	body, err := on.stream(request)
	if err != nil {
		return 0, err
	}
	err = errors.Join(json.NewDecoder(body).Decode(&delay), body.Close())
	return delay, err
}
