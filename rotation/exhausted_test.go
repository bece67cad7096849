package rotation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"ocgo-key/rotation"
)

func TestExhaustedInWords(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.Local)
	soon, far := now.Add(3*time.Hour), now.Add(20*24*time.Hour)
	for want, e := range map[string]rotation.ExhaustedError{
		"All 3 accounts are used up. Work is back first, Mon 15:00.":                     {Account: "Work", Until: soon, Cooling: 3},
		"All 2 enabled accounts are used up. Work is back first, Mon 15:00.":             {Account: "Work", Until: soon, Cooling: 2, Off: 1},
		"Work is used up. It is back Mon 15:00.":                                         {Account: "Work", Until: soon, Cooling: 1},
		"Work is used up, and no other account is enabled. It is back Sun 22 Mar 12:00.": {Account: "Work", Until: far, Cooling: 1, Off: 2},
		"Every account is rejected or disabled.":                                         {Off: 2},
	} {
		assert.Equal(t, want, e.Sentences(now))
	}
	e := rotation.ExhaustedError{Account: "Work", Until: soon, Cooling: 2, Reason: "weekly limit"}
	assert.Equal(t, "all 2 accounts are used up; Work is back first, Mon 2 Mar 15:00 (weekly limit)", e.Error())
}
