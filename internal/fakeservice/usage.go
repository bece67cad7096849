package fakeservice

import (
	"cmp"
	"encoding/json"
	"net/http"
	"time"
)

// Usage changes the answer of GET /usage. By default a used-up window has the status
// "rate-limited", 100 percent and its reset time. A window with a Budget has the budget's used
// percentage, and any other has 0 percent.
type Usage struct {
	Percent  map[Window]int       // overrides the derived percentage
	ResetsAt map[Window]time.Time // overrides the derived reset time
	OmitIDs  bool                 // leaves out workspaceID and userID
	Delay    time.Duration        // the delay before the headers; a negative value means until the client disconnects
	Answer   *Answer              // sent instead of the numbers, such as AuthError()
}

type usageWindow struct {
	Status   string `json:"status"`
	Percent  int    `json:"percent"`
	ResetsAt string `json:"resetsAt"`
}

// usage answers GET /usage.
func (x *exchange) usage() {
	now := x.s.now()
	x.s.mu.Lock()
	a := x.s.accounts[x.log.Key]
	var answer Answer
	var delay time.Duration
	if a != nil {
		answer = a.usage(now)
		delay = a.Plan.Usage.Delay
	}
	x.s.mu.Unlock()

	switch {
	case x.log.Key == "":
		answer = Error(http.StatusUnauthorized, "AuthError", "Missing API key.")
	case a == nil:
		answer = Error(http.StatusUnauthorized, "AuthError", "Unauthorized")
	}
	answer.Stall = cmp.Or(answer.Stall, delay)
	x.send(answer.of(a))
}

// usage returns the answer to GET /usage. The caller holds Server.mu.
func (a *account) usage(now time.Time) Answer {
	if own := a.Plan.Usage.Answer; own != nil {
		return *own
	}
	next := a.queued("", false)
	switch kind := next.kind(); {
	case kind == "Account.Disabled":
		return EntitlementError()
	case kind == "EntitlementError", kind == "AuthError" && next.Message != blockedMessage: // /usage refuses these keys as a model request does
		return Error(next.Status, next.ErrorType, next.Message)
	}
	usage := map[Window]usageWindow{}
	for _, w := range windows {
		usage[w] = a.window(w, next, now)
	}
	body := object{"workspaceID": a.Workspace, "userID": a.User, "usage": usage}
	if a.Plan.Usage.OmitIDs {
		body = object{"usage": usage}
	}
	text, err := json.Marshal(body)
	if err != nil {
		return ServerError(http.StatusInternalServerError)
	}
	return Raw(http.StatusOK, http.Header{"Content-Type": {"application/json"}}, text)
}

func (a *account) window(w Window, next Answer, now time.Time) usageWindow {
	until := a.limitedUntil(w, now)
	if resets := a.resets[w]; resets.After(now) && resets.After(until) {
		until = resets
	}
	if next.Window == w && until.IsZero() {
		until = now.Add(next.resetsIn())
	}
	out := usageWindow{Status: "ok"}
	resets := now.Add(w.Length())
	if !until.IsZero() {
		out.Status, out.Percent, resets = "rate-limited", 100, until
	} else {
		for i, b := range a.Plan.Budgets {
			if s := a.budget(i, now); b.Window == w && b.Requests > 0 {
				out.Percent = max(out.Percent, s.used*100/b.Requests)
				if !s.began.IsZero() {
					resets = s.began.Add(b.every())
				}
			}
		}
	}
	if p, ok := a.Plan.Usage.Percent[w]; ok {
		out.Percent = p
		if p >= 100 {
			out.Status = "rate-limited"
		}
	}
	if t, ok := a.Plan.Usage.ResetsAt[w]; ok {
		resets = t
	}
	out.ResetsAt = resets.UTC().Format("2006-01-02T15:04:05.000Z")
	return out
}

// models answers GET /models.
func (x *exchange) models() {
	ids := x.s.opts.Models
	if ids == nil {
		ids = []string{"kimi-k2.6", "minimax-m3", "grok-4.7"}
	}
	list := []object{}
	for _, id := range ids {
		list = append(list, object{"id": id, "object": "model", "created": 0, "owned_by": "opencode"})
	}
	x.sendJSON(http.StatusOK, object{"object": "list", "data": list})
}
