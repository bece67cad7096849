package doctor

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestClock(t *testing.T) {
	for what, tt := range map[string]struct {
		ahead time.Duration // the time by which the service's clock is ahead of ours
		want  string
	}{
		"the same": {0, ""},
		"near":     {time.Minute, ""},
		"behind":   {time.Hour, `^this machine's clock is (1h0m0s|59m59s) behind the service's`},
		"ahead":    {-time.Hour, `^this machine's clock is 1h0m[01]s ahead of the service's`},
	} {
		t.Run(what, func(t *testing.T) {
			m := newMachine(t)
			m.answer = func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Date", time.Now().Add(tt.ahead).UTC().Format(http.TimeFormat))
				refuse(w, r)
			}
			if tt.want == "" {
				assert.Regexp(t, `s from the service's$`, m.finds("clock").Well)
				return
			}
			r := m.examine("clock")
			if assert.Len(t, r.Findings, 1) {
				assert.Regexp(t, tt.want, r.Findings[0].What)
			}
		})
	}
	m := newMachine(t)
	m.service.Close()
	assert.Contains(t, m.finds("clock").Skipped, "the service did not send its time")
	for goos, want := range map[string]string{"linux": "sudo timedatectl set-ntp true", "darwin": "sudo sntp -sS time.apple.com", "windows": "w32tm /resync"} {
		assert.Equal(t, want, clockFix(goos))
	}
}
