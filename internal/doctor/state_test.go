package doctor

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/rotation/state"
)

// A state that belongs to another user: to whom it belongs, it does not.
func TestDoctorFindsAnotherUsersState(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // its folders' permissions are no business of ours
	}
	dir := filepath.Join(t.TempDir(), "state")
	require.NoError(t, state.OpenFile(dir, time.Now, nil).Update(t.Context(), func(*state.State) error { return nil }))
	options := Options{Getenv: func(name string) string {
		return map[string]string{"OCGO_KEY_STATE_DIR": dir, "HOME": t.TempDir()}[name]
	}}
	look := func(uid int) string {
		e := newExamination(context.Background(), options)
		e.uid = uid
		r := &Result{Check: "state"}
		stateCheck{e}.lookAtState(r)
		var found []string
		for _, f := range r.Findings {
			found = append(found, f.Level+": "+f.What+" | "+f.Mend)
		}
		return strings.Join(found, "\n")
	}
	mine := os.Geteuid()
	assert.Empty(t, look(mine))
	for _, path := range []string{dir, filepath.Join(dir, "state.json")} {
		assert.Contains(t, look(mine+1), "problem: "+path+" belongs to another user")
		assert.Regexp(t, `\| sudo chown (-R )?"\$\(id -un\)" .*`, look(mine+1))
	}
}
