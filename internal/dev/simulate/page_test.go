package main

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

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

// Another seed gives another month. TestTheMonthsAreCurrent tests that the same seed gives the same
// one.
func TestNoTwoMonthsOfAKindAreTheSame(t *testing.T) {
	all := stored(t)
	for i, o := range all {
		ofKind := all[i/months*months : (i/months+1)*months]
		assert.Equal(t, i%months, slices.Index(ofKind, o), "%+v", plays()[i])
	}
}

// The subscriptions limit the number of answers, no matter who uses them.
func TestNoMonthHasMoreThanThereIs(t *testing.T) {
	for _, o := range stored(t) {
		assert.LessOrEqual(t, o.answered, o.asked)
		// The subscription month of each account ends within these 30 days, and the next one
		// begins.
		assert.LessOrEqual(t, o.answered+o.elsewhere, 2*accounts*perMonth)
		assert.Positive(t, o.answered)
	}
}
