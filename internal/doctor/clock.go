package doctor

import (
	"cmp"
	"fmt"
	"runtime"
	"time"
)

// clockCheck compares this machine's clock with the service's.
type clockCheck struct{ *examination }

// clockLimit is the largest difference from the service's clock that is not a problem.
const clockLimit = 2 * time.Minute

func (e clockCheck) checkClock(r *Result) {
	s := reached{}
	if !e.Offline {
		s = e.service()
	}
	if !s.dated {
		r.Skipped = "not compared, since the service did not send its time"
		return
	}
	difference := s.ahead.Abs().Round(time.Second)
	r.Well = fmt.Sprintf("%v from the service's", difference)
	if difference <= clockLimit {
		return
	}
	way := "behind"
	if s.ahead > 0 {
		way = "ahead of"
	}
	r.found(Problem, clockFix(runtime.GOOS), "this machine's clock is %v %s the service's, so accounts come back too early or too late", difference, way)
}

// clockFix returns the command that sets the clock.
func clockFix(goos string) string {
	fixes := map[string]string{"darwin": "sudo sntp -sS time.apple.com", "windows": "w32tm /resync"}
	return cmp.Or(fixes[goos], "sudo timedatectl set-ntp true")
}
