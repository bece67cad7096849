package supervise

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"ocgo-key/rotation"
)

func TestSwitchText(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.Local)
	week := rotation.Verdict{Action: rotation.Cool, Until: now.Add(45 * time.Hour), Reason: "weekly limit", Window: "weekly"}
	for want, sw := range map[string]rotation.Switch{
		"Work hit its weekly limit (back Wed 09:00); now Personal":           {Verdict: week},
		"Work is at 96 % of its weekly limit (back Wed 09:00); now Personal": {Cause: rotation.Ahead, Percent: 96, Verdict: week},
		"Work is at 97 % of its 5-hour limit; now Personal":                  {Cause: rotation.Ahead, Percent: 97, Verdict: rotation.Verdict{Reason: "5-hour limit", Window: "5 hour"}},
		"Work was set aside; now Personal":                                   {Cause: rotation.ByHand},
		"Work got no answer in time; now Personal":                           {},
		"Work was refused (AuthError: no such key); now Personal":            {Verdict: rotation.Verdict{Action: rotation.Reject, Reason: "AuthError: no such key"}},
		"Work hit a rate limit (back 12:01); now Personal":                   {Verdict: rotation.Verdict{Action: rotation.Cool, Until: now.Add(time.Minute), Reason: rotation.TooMany}},
		"Work is out of use: empty balance (back 13:00); now Personal":       {Verdict: rotation.Verdict{Action: rotation.Cool, Until: now.Add(time.Hour), Reason: "empty balance"}},
		"Work hit the rate limit on kimi-k2.6 (back 12:01); now Personal":    {Verdict: rotation.Verdict{Action: rotation.Cool, Until: now.Add(time.Minute), Reason: "rate limit on kimi-k2.6", Model: "kimi-k2.6"}},
	} {
		sw.From, sw.To = rotation.Handout{Label: "Work"}, rotation.Handout{Label: "Personal"}
		assert.Equal(t, want, switchText(sw, now))
	}
}
