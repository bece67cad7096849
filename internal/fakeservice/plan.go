package fakeservice

import (
	"cmp"
	"time"
)

// Plan says how the requests of one key are answered: with the error of a Limit or a spent Budget;
// otherwise with the next of Answers; otherwise with success.
type Plan struct {
	// Answers are given one after the other; the last one repeats. Without any, every answer is
	// success.
	Answers []Answer
	// PerModel holds separate queues for some models, instead of Answers.
	PerModel map[string][]Answer
	// Limits apply until a time of the server's clock.
	Limits []Limit
	// Budgets are counted in requests answered with success.
	Budgets []Budget
	// FreeModels cost nothing: they are answered even if windows are used up, and no budget counts
	// them.
	FreeModels []string
	// UseBalance, if not empty, acts like the console's option of that name: instead of the error
	// for a used-up window the answer is success with this cost.
	UseBalance string
	// TitlesFree answers every title request with success, and does not count it. OpenCode sends
	// title requests in parallel with the main request, and they would take its answers from the
	// queue.
	TitlesFree bool
	// Usage changes the answer of GET /usage, which is otherwise derived from the rest of the plan.
	Usage Usage
}

// Window is one of the three usage limits of a subscription.
type Window string

// The windows, by the names that GET /usage gives them.
const (
	Rolling Window = "rolling" // 5 hours
	Weekly  Window = "weekly"
	Monthly Window = "monthly"
)

// LimitName is the window's name in the metadata of a GoUsageLimitError.
func (w Window) LimitName() string {
	return cmp.Or(map[Window]string{Rolling: "5 hour"}[w], string(w))
}

// Length of the window; a month is 30 days here.
func (w Window) Length() time.Duration {
	return cmp.Or(map[Window]time.Duration{Weekly: 7 * 24 * time.Hour, Monthly: 30 * 24 * time.Hour}[w], 5*time.Hour)
}

// Limit is a window that is used up until a time of the server's clock; or, with Model, the
// requests-per-minute limit of key and model (RateLimitError), which names no window.
type Limit struct {
	Window Window
	Model  string
	Until  time.Time
}

// Budget is the number of requests that a window has room for. The window begins with its first
// request and resets after Every (0 means Window.Length). With From, it resets at that time of the
// server's clock and at every multiple of Every before and after it, like the weeks and months of a
// subscription.
type Budget struct {
	Window   Window
	Requests int
	Every    time.Duration
	From     time.Time
}
