package main

import (
	"math/rand/v2"
	"slices"
	"time"
)

const day = 24 * time.Hour

// begin is a Monday, 00:00 UTC.
var begin = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// session is one run of OpenCode: a process and its work.
type session struct {
	start, end time.Time
	pauses     []time.Duration // the pause before each request
}

// pattern describes the sessions of a month. The sessions are chosen at random, with the seed.
type pattern struct {
	desks  int     // people at work on weekdays, from 9 to 18
	nights int     // agents that work through the nights from Monday to Thursday
	pace   float64 // the amount of work, as a multiple of a usual month
}

// between returns a uniformly distributed duration.
func between(r *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(r.Int64N(int64(to-from)))
}

// sessions returns the sessions of the given number of days, in the order of their start.
func (p pattern) sessions(r *rand.Rand, days int) []session {
	var all []session
	for d := range days {
		today := begin.Add(time.Duration(d) * day)
		weekday := today.Weekday()
		if weekday != time.Saturday && weekday != time.Sunday {
			for range p.desks {
				all = append(all, p.deskDay(r, today)...)
			}
		} else if r.IntN(2) == 0 { // few people work at weekends
			at := today.Add(between(r, 10*time.Hour, 18*time.Hour))
			all = append(all, p.bursts(r, at, at.Add(between(r, time.Hour, 3*time.Hour))))
		}
		if weekday >= time.Monday && weekday <= time.Thursday {
			for range p.nights {
				at := today.Add(between(r, 20*time.Hour, 23*time.Hour))
				all = append(all, p.steady(r, at, at.Add(between(r, 2*time.Hour, 5*time.Hour))))
			}
		}
	}
	slices.SortStableFunc(all, func(a, b session) int { return a.start.Compare(b.start) })
	return all
}

// deskDay returns the day of one person: some sessions, with breaks in between.
func (p pattern) deskDay(r *rand.Rand, today time.Time) []session {
	var all []session
	at, home := today.Add(between(r, 8*time.Hour+30*time.Minute, 10*time.Hour)), today.Add(18*time.Hour)
	for at.Before(home) {
		end := at.Add(between(r, 30*time.Minute, 3*time.Hour))
		all = append(all, p.bursts(r, at, end))
		at = end.Add(between(r, 5*time.Minute, time.Hour))
	}
	return all
}

// bursts returns the session of a person: tasks of many requests in a row, with a pause after each
// task.
func (p pattern) bursts(r *rand.Rand, start, end time.Time) session {
	s := session{start: start, end: end}
	for at := start; ; {
		thinks := between(r, 5*time.Minute, 40*time.Minute)
		for i := range 1 + int(p.pace*float64(1+r.IntN(8))) {
			pause := between(r, 10*time.Second, time.Minute)
			if i == 0 {
				pause = thinks
			}
			if at = at.Add(pause); at.After(end) {
				return s
			}
			s.pauses = append(s.pauses, pause)
		}
	}
}

// steady returns the session of an agent: one request after another.
func (p pattern) steady(r *rand.Rand, start, end time.Time) session {
	s := session{start: start, end: end}
	for at := start; ; {
		pause := time.Duration(float64(between(r, 4*time.Minute, 8*time.Minute)) / p.pace)
		if at = at.Add(pause); at.After(end) {
			return s
		}
		s.pauses = append(s.pauses, pause)
	}
}
