package fakeservice

import "time"

// Plan is what the requests of one key get, in this order: a Limit or a spent Budget is met with
// its error; else the next of Answers; else success.
type Plan struct {
	// Answers one after the other; the last one repeats. Empty is success for ever.
	Answers []Answer
	// PerModel has queues of their own for some models, instead of Answers.
	PerModel map[string][]Answer
	// Limits hold until a moment of the server's clock.
	Limits []Limit
	// Budgets are counted in requests answered with success.
	Budgets []Budget
	// FreeModels cost nothing: they are answered when windows are used up, and no budget counts
	// them.
	FreeModels []string
	// UseBalance, when not empty, is the console's option of that name: instead of the error for a
	// used-up window the answer is success with this as its cost.
	UseBalance string
	// TitlesFree answers title requests with success whatever the rest says, and counts them
	// nowhere, so that OpenCode's title generator, which runs beside the main request, takes no
	// answer meant for that one.
	TitlesFree bool
	// Usage is how GET /usage departs from what follows from the rest.
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
	if w == Rolling {
		return "5 hour"
	}
	return string(w)
}

// Length of the window; a month is 30 days here.
func (w Window) Length() time.Duration {
	switch w {
	case Weekly:
		return 7 * 24 * time.Hour
	case Monthly:
		return 30 * 24 * time.Hour
	default:
		return 5 * time.Hour
	}
}

// Limit is a window that is used up until a moment of the server's clock; or, with Model, the
// requests-per-minute limit of key and model (RateLimitError), which names no window.
type Limit struct {
	Window Window
	Model  string
	Until  time.Time
}

// Budget is how many requests a window has room for. The window begins with its first request and,
// Every later (0 is Window.Length), is empty again; with From it ends at that moment of the
// server's clock and every Every before and after it, whatever was requested, as weeks and months
// of a subscription do.
type Budget struct {
	Window   Window
	Requests int
	Every    time.Duration
	From     time.Time
}
