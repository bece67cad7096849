package fakeservice

import (
	"cmp"
	"time"
)

// Plan says how the requests of one key are answered. If a Limit applies or a Budget is spent, the
// answer is that error. Otherwise it is the next one of Answers, or a success if there are none.
type Plan struct {
	// Answers are sent in order; the last one repeats.
	Answers []Answer
	// PerModel holds separate queues for some models, instead of Answers.
	PerModel map[string][]Answer
	// Limits apply until a time, by the server's clock.
	Limits []Limit
	// Budgets count requests that were answered with success.
	Budgets []Budget
	// FreeModels cost nothing. Their requests are answered even if windows are used up, and no
	// budget counts them.
	FreeModels []string
	// UseBalance, if not empty, acts like the console's option of that name: if a window is used
	// up, the answer is a success with this cost.
	UseBalance string
	// TitlesFree answers every title request with success, and does not count it. OpenCode sends a
	// title request in parallel with the main request. Without TitlesFree, the title request could
	// take the answer for the main request from the queue.
	TitlesFree bool
	// Usage changes the answer of GET /usage. By default that answer is derived from the rest of
	// the plan.
	Usage Usage
}

// Window is one of the three usage limits of a subscription.
type Window string

// The windows, with their names in GET /usage.
const (
	Rolling Window = "rolling" // 5 hours
	Weekly  Window = "weekly"
	Monthly Window = "monthly"
)

// LimitName is the window's name in the metadata of a GoUsageLimitError.
func (w Window) LimitName() string {
	return cmp.Or(map[Window]string{Rolling: "5 hour"}[w], string(w))
}

// Length returns the length of the window. A month has 30 days here.
func (w Window) Length() time.Duration {
	return cmp.Or(map[Window]time.Duration{Weekly: 7 * 24 * time.Hour, Monthly: 30 * 24 * time.Hour}[w], 5*time.Hour)
}

// Limit makes a window used up until the server's clock reaches Until. With Model, the error is
// RateLimitError instead, for the key's requests per minute with that model.
type Limit struct {
	Window Window
	Model  string
	Until  time.Time
}

// Budget is the number of requests that a window allows. The window begins with its first request
// and resets after Every (0 means Window.Length). With From, the window resets at that time, by the
// server's clock, and at every multiple of Every before and after it. The weeks and months of a
// subscription work like this.
type Budget struct {
	Window   Window
	Requests int
	Every    time.Duration
	From     time.Time
}
