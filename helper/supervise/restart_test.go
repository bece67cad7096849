package supervise

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"ocgo-key/helper/gateway"
	"ocgo-key/rotation"
)

func switchTo(from, to string) rotation.Switch {
	return rotation.Switch{From: rotation.Handout{ID: from}, To: rotation.Handout{ID: to}}
}

// The command restarts once for each account. After an answer, it may restart once for each account
// again.
func TestOneRestartForEachAccount(t *testing.T) {
	p := progress{mode: Restart}
	x := new(gateway.Exchange)
	can := func() bool { return true }
	restarted := func() { p.restarting = false }

	hold, begin := p.sawLimit(x, switchTo("a", "b"), can)
	assert.True(t, hold && begin)
	hold, begin = p.sawLimit(x, switchTo("a", "b"), can)
	assert.True(t, hold && !begin, "another request of the same turn must wait for the restart")
	restarted()
	hold, begin = p.sawLimit(x, switchTo("b", "c"), can)
	assert.True(t, hold && begin)
	restarted()
	hold, begin = p.sawLimit(x, switchTo("c", "a"), can)
	assert.False(t, hold || begin, "each account was tried, so the gateway repeats the request and nothing restarts")
	p.sawAnswer(x)
	hold, begin = p.sawLimit(x, switchTo("c", "a"), can)
	assert.True(t, hold && begin, "after an answer, each account may be tried again")
}

// A command that could not continue the work is not restarted.
func TestNoRestartWithoutASessionToContinue(t *testing.T) {
	p := progress{mode: Restart}
	hold, begin := p.sawLimit(new(gateway.Exchange), switchTo("a", "b"), func() bool { return false })
	assert.False(t, hold || begin)
	assert.False(t, p.restarting)
	assert.Empty(t, p.tried)
}

func TestWaitsOrGivesUp(t *testing.T) {
	in := func(d time.Duration) *rotation.ExhaustedError {
		return &rotation.ExhaustedError{Until: time.Now().Add(d)}
	}
	hour := time.Hour
	for name, tt := range map[string]struct {
		e       *rotation.ExhaustedError
		maxWait *time.Duration
		since   time.Duration // the time since a turn first found no account
		want    decision
	}{
		"as long as it takes":           {e: in(100 * time.Hour), want: waiting},
		"it fits":                       {e: in(time.Minute), maxWait: &hour, want: waiting},
		"back too late":                 {e: in(2 * time.Hour), maxWait: &hour, want: ending},
		"waited in vain for too long":   {e: in(time.Minute), maxWait: &hour, since: 2 * time.Hour, want: ending},
		"fits no more, after some time": {e: in(50 * time.Minute), maxWait: &hour, since: 20 * time.Minute, want: ending},
		"none comes back by itself":     {e: new(rotation.ExhaustedError), maxWait: &hour, want: ending},
	} {
		p := progress{maxWait: tt.maxWait}
		if tt.since > 0 {
			p.exhaustedSince = time.Now().Add(-tt.since)
		}
		assert.Equal(t, tt.want, p.sawExhausted(new(gateway.Exchange), tt.e), name)
		assert.True(t, p.exhausted, name)
		if tt.want == ending {
			assert.Same(t, tt.e, p.gaveUp, name)
			assert.Equal(t, nothing, p.sawExhausted(new(gateway.Exchange), tt.e), "%s: a second request must not decide again", name)
		}
	}
}

func TestAnAnswerResetsTheCounts(t *testing.T) {
	var p progress
	p.sawExhausted(new(gateway.Exchange), &rotation.ExhaustedError{Until: time.Now().Add(time.Hour)})
	p.restartsSinceAnswer = 2
	p.sawAnswer(new(gateway.Exchange))
	assert.True(t, p.answered)
	assert.False(t, p.exhausted)
	assert.Zero(t, p.exhaustedSince)
	assert.Zero(t, p.restartsSinceAnswer)
}

// A command that ended because of a limit is restarted once for each account between two answers.
func TestACommandThatGaveUpStartsAgainOnceForEachAccount(t *testing.T) {
	for name, tt := range map[string]struct {
		accounts, answerAfter int // answerAfter is the start that is answered; 0 for none
		want                  []bool
	}{
		"no account can be read":      {want: []bool{false}},
		"one account":                 {accounts: 1, want: []bool{true, false}},
		"three accounts":              {accounts: 3, want: []bool{true, true, true, false}},
		"an answer begins anew":       {accounts: 2, answerAfter: 2, want: []bool{true, true, true, true, false}},
		"the first start is answered": {accounts: 1, answerAfter: 1, want: []bool{true, true, false}},
	} {
		var p progress
		var got []bool
		for i := range tt.want {
			got = append(got, p.startsAgain(tt.accounts))
			if i+1 == tt.answerAfter {
				p.sawAnswer(new(gateway.Exchange))
			}
		}
		assert.Equal(t, tt.want, got, name)
	}
}

func TestWaitsAfterACommandThatGaveUp(t *testing.T) {
	hour := time.Hour
	for name, tt := range map[string]struct {
		until   time.Duration // until the first account is ready; 0 if none is cooling
		maxWait *time.Duration
		waits   bool
		gaveUp  bool
	}{
		"as long as it takes":                      {until: 100 * time.Hour, waits: true},
		"it fits":                                  {until: time.Minute, maxWait: &hour, waits: true},
		"back too late":                            {until: 2 * time.Hour, maxWait: &hour, gaveUp: true},
		"none comes back":                          {},
		"none comes back, and there was a bound":   {maxWait: &hour, gaveUp: true},
		"no wait at all, with an account back now": {until: -time.Minute, maxWait: new(time.Duration), waits: true},
	} {
		p := progress{maxWait: tt.maxWait, exhaustedSince: time.Now().Add(time.Second)} // in the future, so that the duration of the test does not count
		e := new(rotation.ExhaustedError)
		if tt.until != 0 {
			e.Until = time.Now().Add(tt.until)
		}
		assert.Equal(t, tt.waits, p.worthWaiting(e), name)
		assert.Equal(t, tt.gaveUp, p.gaveUpError() != nil, name)
	}
}
