package rotation

import (
	"context"
	"time"

	"ocgo-key/rotation/state"
)

// Repair puts the last good copy in the place of a state in the folder dir that cannot be read or
// is gone, or begins an empty one where there is no copy. The unreadable file is set aside. It
// returns what was done, in a sentence for the user. Every command that opens the pool does the
// same as it goes.
func Repair(ctx context.Context, dir string) (done string, err error) {
	done = "the state is readable"
	_, err = state.OpenFile(dir, time.Now, func(message string) { done = message }).Read(ctx)
	return done, err
}
