package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/rotation"
)

// The page is not written if a figure contradicts a claim.
func TestClaimsAreTested(t *testing.T) {
	for claim, holds := range claims {
		f := make(figures)
		for _, k := range kinds() {
			f[k] = mean{Asked: 100, Answered: 50, Elsewhere: 10, Switches: 1}
			if k.strategy == rotation.MostLeft && k.ahead == 0 {
				f[k] = mean{Asked: 100, Answered: 40, Elsewhere: 1, Switches: 5}
			}
		}
		assert.False(t, holds(f), claim)
	}
}

// The same seed gives the same month, and another seed another one.
func TestAMonthIsPlayedTheSameEachTime(t *testing.T) {
	p := workloads[full].play
	p.strategy, p.seed = rotation.MostLeft, 3
	first, err := p.run()
	require.NoError(t, err)
	second, err := p.run()
	require.NoError(t, err)
	assert.Equal(t, first, second)
	p.seed = 4
	other, err := p.run()
	require.NoError(t, err)
	assert.NotEqual(t, first, other)
}

// The subscriptions limit the number of answers, no matter who uses them.
func TestNoMonthHasMoreThanThereIs(t *testing.T) {
	for i, w := range workloads {
		p := w.play
		p.strategy = rotation.Strategies()[i%len(rotation.Strategies())]
		o, err := p.run()
		require.NoError(t, err)
		assert.LessOrEqual(t, o.answered, o.asked)
		// The subscription month of each account ends within these 30 days, and the next one
		// begins.
		assert.LessOrEqual(t, o.answered+o.elsewhere, 2*accounts*perMonth)
		assert.Positive(t, o.answered)
	}
}
