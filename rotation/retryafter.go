package rotation

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxCooldown is the longest wait that is accepted from a server. No usage window is longer than a
// month.
const maxCooldown = 32 * 24 * time.Hour

// RetryAfter returns the wait in `retry-after-ms` (milliseconds) or else in `retry-after` (seconds,
// or an HTTP date), in the same order as OpenCode. The wait is at most maxCooldown. ok is false if
// both headers are missing, or the value is invalid or not in the future.
func RetryAfter(h http.Header, now time.Time) (wait time.Duration, ok bool) {
	if ms, ok := number(h.Get("Retry-After-Ms")); ok {
		return bounded(ms / 1000)
	}
	value := strings.TrimSpace(h.Get("Retry-After"))
	if s, ok := number(value); ok {
		return bounded(s)
	}
	if at, err := http.ParseTime(value); err == nil {
		return bounded(at.Sub(now).Seconds())
	}
	return 0, false
}

func number(s string) (float64, bool) {
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	return f, err == nil && !math.IsNaN(f)
}

func bounded(seconds float64) (time.Duration, bool) {
	if seconds <= 0 {
		return 0, false
	}
	if seconds >= maxCooldown.Seconds() {
		return maxCooldown, true
	}
	return time.Duration(seconds * float64(time.Second)), true
}
