package text

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

var today = time.Date(2026, time.November, 23, 15, 20, 0, 0, time.Local)

func after(d time.Duration) time.Time { return today.Add(d) }

const day = 24 * time.Hour

func TestIn(t *testing.T) {
	for _, c := range []struct {
		d    time.Duration
		want string
	}{
		{-time.Hour, "now"}, {0, "now"}, {time.Second, "in under 1 min"}, {59 * time.Second, "in under 1 min"},
		{time.Minute, "in 1 min"}, {89 * time.Second, "in 1 min"}, {91 * time.Second, "in 2 min"},
		{59*time.Minute + 40*time.Second, "in 1 h"}, {time.Hour, "in 1 h"}, {130*time.Minute - time.Second, "in 2 h 10 min"},
		{day - time.Second, "in 1 day"}, {day, "in 1 day"}, {day + 29*time.Minute, "in 1 day"}, {day + 4*time.Hour, "in 1 day 4 h"},
		{3*day + 4*time.Hour, "in 3 days 4 h"}, {7*day - time.Minute, "in 7 days"}, {11*day + 14*time.Hour, "in 12 days"}, {400 * day, "in 400 days"},
	} {
		assert.Equal(t, c.want, In(after(c.d), today), "%v", c.d)
	}
}

func TestClock(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"17:30": 2*time.Hour + 10*time.Minute, "14:20": -time.Hour, "Tue 15:20": day, "Sat 15:20": -2 * day, "5 Dec 15:20": 12 * day, "11 Nov 15:20": -12 * day,
	} {
		assert.Equal(t, want, Clock(after(d), today))
	}
}
