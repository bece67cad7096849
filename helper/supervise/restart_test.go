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

// A limit starts the command again once for each account, and anew after an answer.
func TestOneRestartForEachAccount(t *testing.T) {
	var p progress
	x := new(gateway.Exchange)
	can := func() bool { return true }
	restarted := func() { p.restarting = false }

	hold, begin := p.sawLimit(x, switchTo("a", "b"), can)
	assert.True(t, hold && begin)
	hold, begin = p.sawLimit(x, switchTo("a", "b"), can)
	assert.True(t, hold && !begin, "another request of the same turn waits for the restart that is under way")
	restarted()
	hold, begin = p.sawLimit(x, switchTo("b", "c"), can)
	assert.True(t, hold && begin)
	restarted()
	hold, begin = p.sawLimit(x, switchTo("c", "a"), can)
	assert.False(t, hold || begin, "each account was tried: the gateway sends the request again")
	p.sawAnswer(x)
	hold, begin = p.sawLimit(x, switchTo("c", "a"), can)
	assert.True(t, hold && begin, "an answer begins a new pass")
}

// What would not continue the work is not started again.
func TestNoRestartWithoutASessionToContinue(t *testing.T) {
	var p progress
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
		since   time.Duration // how long no turn has been answered
		want    decision
	}{
		"as long as it takes":           {e: in(100 * time.Hour), want: waiting},
		"it fits":                       {e: in(time.Minute), maxWait: &hour, want: waiting},
		"back too late":                 {e: in(2 * time.Hour), maxWait: &hour, want: ending},
		"waited in vain for too long":   {e: in(time.Minute), maxWait: &hour, since: 2 * time.Hour, want: ending},
		"fits no more, after some time": {e: in(50 * time.Minute), maxWait: &hour, since: 20 * time.Minute, want: ending},
		"none comes back by itself":     {e: new(rotation.ExhaustedError), maxWait: &hour, want: ending},
	} {
		var p progress
		if tt.since > 0 {
			p.exhaustedSince = time.Now().Add(-tt.since)
		}
		assert.Equal(t, tt.want, p.sawExhausted(new(gateway.Exchange), tt.e, tt.maxWait), name)
		assert.True(t, p.exhausted, name)
		if tt.want == ending {
			assert.Same(t, tt.e, p.gaveUp, name)
			assert.Equal(t, nothing, p.sawExhausted(new(gateway.Exchange), tt.e, tt.maxWait), "%s: said once", name)
		}
	}
}

func TestAnAnswerBeginsAnew(t *testing.T) {
	var p progress
	p.sawExhausted(new(gateway.Exchange), &rotation.ExhaustedError{Until: time.Now().Add(time.Hour)}, nil)
	p.restartsSinceAnswer = 2
	p.sawAnswer(new(gateway.Exchange))
	assert.True(t, p.answered)
	assert.False(t, p.exhausted)
	assert.Zero(t, p.exhaustedSince)
	assert.Zero(t, p.restartsSinceAnswer)
}
