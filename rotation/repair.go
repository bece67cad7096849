package rotation

import (
	"context"
	"time"

	"ocgo-key/rotation/state"
)

// Repair repairs the state in the folder dir if it is unreadable or missing. It restores the last
// good copy, or starts an empty state if there is no copy. It renames an unreadable file, and
// returns a sentence for the user about the result. A pool from Open repairs the state in the same
// way when it is used.
func Repair(ctx context.Context, dir string) (done string, err error) {
	done = "the state is readable"
	_, err = state.OpenFile(dir, time.Now, func(message string) { done = message }).Read(ctx)
	return done, err
}
