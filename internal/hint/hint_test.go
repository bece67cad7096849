package hint

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestOutermostHintCounts(t *testing.T) {
	cause := errors.New("locked")
	err := On(fmt.Errorf("not added: %w", On(cause, "unlock it")), "try again")
	next, found := Of(err)
	assert.True(t, found)
	assert.Equal(t, "try again", next)
	assert.Equal(t, "not added: locked", err.Error())
	assert.ErrorIs(t, err, cause)

	_, found = Of(cause)
	assert.False(t, found)
	assert.NoError(t, On(nil, "nothing to do"))
}

func TestKinds(t *testing.T) {
	cause := errors.New("not a number")
	input := Input("--port: %w", cause)
	assert.ErrorIs(t, input, ErrInput)
	assert.ErrorIs(t, input, cause)
	assert.NotErrorIs(t, input, ErrRefused)
	assert.Equal(t, "--port: not a number", input.Error())
	assert.ErrorIs(t, On(Refuse("no"), "ask"), ErrRefused)
}
