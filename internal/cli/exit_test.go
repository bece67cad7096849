package cli

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"ocgo-key/helper/supervise"
	"ocgo-key/helper/wrapper"
	"ocgo-key/internal/hint"
)

// A failed run has its own exit code, whatever the cause.
func TestAFailedRunHasItsOwnCode(t *testing.T) {
	for _, cause := range []error{wrapper.ErrNotFound, wrapper.ErrCannotRun, hint.ErrInput} {
		code, _ := explain(hint.As(supervise.ErrFailed, fmt.Errorf("cannot start the server: %w", cause)))
		assert.Equal(t, exitWrapper, code, "%v", cause)
		code, _ = explain(cause)
		assert.NotEqual(t, exitWrapper, code, "%v", cause)
	}
}
