package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"ocgo-key/helper"
	"ocgo-key/rotation"
)

// process is a session with its own gateway. The background work of the gateway runs right after
// each request, so that every run gives the same result.
type process struct {
	*month
	session
	number int
	holder *helper.Holder
	usage  *helper.UsagePoller
	done   int  // number of requests
	waits  bool // the next request was refused before
}

func (p *process) step() (time.Time, error) {
	ctx := context.Background()
	if p.holder == nil {
		p.begin(ctx)
		return p.next(), nil
	}
	if p.counts && !p.waits {
		p.sum.asked++
	}
	wait, err := p.request(ctx)
	if err != nil {
		return time.Time{}, err
	}
	if p.waits = !wait.IsZero(); p.waits {
		if !wait.Before(p.end) {
			return p.giveUp(ctx)
		}
		if p.counts {
			p.sum.waits++
			p.sum.waited += wait.Sub(p.now)
		}
		return wait, nil
	}
	p.done++
	if next := p.next(); !next.IsZero() {
		return next, nil
	}
	p.holder.Release(ctx)
	return time.Time{}, nil
}

// begin starts the gateway.
func (p *process) begin(ctx context.Context) {
	proc := rotation.Process{PID: p.number, Start: "x", Command: "opencode"}
	p.holder = helper.NewHolder(p.pool, p.keys, proc, func(_, _ rotation.Handout) {})
	p.usage = &helper.UsagePoller{Pool: p.pool, Keys: p.keys, Base: p.base, Client: p.client, Now: p.clock, Holder: p.holder}
	_, _ = p.holder.Current(ctx, nil) // the first request finds an exhausted pool again
	p.holder.Prepare(ctx)
}

// next returns the time of the next request, after a pause. It returns the zero time if the session
// is over.
func (p *process) next() time.Time {
	if p.done == len(p.pauses) {
		return time.Time{}
	}
	if at := p.now.Add(p.pauses[p.done]); at.Before(p.end) {
		return at
	}
	return time.Time{}
}

func (p *process) giveUp(ctx context.Context) (time.Time, error) {
	if p.counts {
		p.sum.waits++
		p.sum.waited += p.end.Sub(p.now)
		p.sum.asked += len(p.pauses) - p.done - 1
	}
	p.holder.Release(ctx)
	return time.Time{}, nil
}

// request sends a request as the gateway does: at a limit it tries the next account, as long as
// there is one. If the request was answered, it returns the zero time, else the time of the next
// try.
func (p *process) request(ctx context.Context) (time.Time, error) {
	grant, err := p.holder.Current(ctx, nil)
	if err != nil {
		return p.refused(ctx, err)
	}
	if grant.Moved != nil {
		p.switched(ctx, grant, grant.Moved.Cause == rotation.Ahead)
	}
	for {
		verdict := rotation.Classify(p.ask(grant.Key.Reveal()), p.now)
		if !verdict.Failover() {
			break
		}
		next, moved, err := p.holder.Report(ctx, grant, verdict, nil)
		p.usage.Limited(ctx, grant)
		if err != nil {
			return p.refused(ctx, err)
		}
		if moved {
			p.switched(ctx, next, false)
		}
		grant = next
	}
	if p.counts {
		p.sum.answered++
		day := &p.sum.days[min(int(p.now.Sub(begin)/day)-warmUp, counted-1)]
		if grant.ID == fmt.Sprint("id", accounts-1) {
			p.sum.reserved++
			day.last++
		} else {
			day.others++
		}
	}
	if p.usage.Due() {
		p.usage.Refresh(ctx, grant)
	}
	return time.Time{}, nil
}

func (p *process) switched(ctx context.Context, to helper.Grant, ahead bool) {
	if p.counts {
		p.sum.switches++
		if ahead {
			p.sum.ahead++
		}
	}
	p.holder.Prepare(ctx)
	p.usage.Switched(ctx, to)
}

// refused handles a request that found no account: OpenCode sleeps until one is ready.
func (p *process) refused(ctx context.Context, err error) (time.Time, error) {
	exhausted, ok := errors.AsType[*rotation.ExhaustedError](err)
	if !ok || exhausted.Until.IsZero() {
		return time.Time{}, err
	}
	p.usage.Exhausted(ctx)
	return exhausted.Until.Add(time.Second), nil
}

// stranger uses an account outside of the pool, for example on another machine.
type stranger struct {
	*month
	session
	key  string
	done int
}

func (s *stranger) step() (time.Time, error) {
	if s.now.After(s.start) {
		if s.ask(s.key).Status != http.StatusOK {
			return time.Time{}, nil // it gives up
		}
		if s.counts {
			s.sum.elsewhere++
		}
	}
	if s.done == len(s.pauses) {
		return time.Time{}, nil
	}
	s.done++
	return s.now.Add(s.pauses[s.done-1]), nil
}
