package rotation_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"ocgo-key/rotation"
)

// FuzzUsage calls Learn with any answer to /usage and any time of the service. One account is in
// use, one is cooling. Learn must not make an account unusable forever, and must not change another
// account. The state must stay valid.
func FuzzUsage(f *testing.F) {
	for _, body := range []string{
		`{"workspaceID":"wrk_1","userID":"usr_1","usage":{"rolling":{"status":"ok","percent":12,"resetsAt":"2026-03-02T15:00:00Z"},"weekly":{"status":"rate-limited","percent":100,"resetsAt":"2026-03-05T00:00:00Z"}}}`,
		`{"usage":{"monthly":{"status":"rate-limited","percent":101,"resetsAt":"9999-12-31T23:59:59Z"},"unknown":{"percent":-1}}}`,
		`{"usage":{"rolling":{"percent":9223372036854775807,"resetsAt":"0001-01-01T00:00:00Z"}}}`,
		`{"workspaceID":"a\nb","usage":null}`, `{}`, `null`, `[]`, `<html>`,
	} {
		f.Add([]byte(body), int64(0))
		f.Add([]byte(body), int64(-3600))
	}
	f.Fuzz(func(t *testing.T, body []byte, ahead int64) {
		u, err := rotation.ParseUsage(body)
		if err != nil {
			return
		}
		if strings.ContainsAny(u.Workspace+u.User, "\n\r\x1b") {
			t.Fatalf("ids of more than a line: %q, %q", u.Workspace, u.User)
		}
		w, ctx := newWorld(t, "Work", "Personal", "Spare"), context.Background()
		if ahead != 0 {
			u.At = time.Unix(w.now().Unix()+ahead, 0)
		}
		cooling := rotation.Verdict{Action: rotation.Cool, Until: w.now().Add(time.Hour), Reason: "5-hour limit", Window: "5 hour"}
		if _, _, err := w.Report(ctx, proc(1), rotation.Handout{ID: "id1"}, cooling, rotation.Ask{}); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"id0", "id1"} {
			if err := w.Learn(ctx, rotation.Handout{ID: id}, u); err != nil {
				t.Fatal(err)
			}
		}
		o, err := w.Overview(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for i, a := range o.Accounts {
			switch c := a.Condition; {
			case c.State == rotation.Ready:
			case c.State == rotation.Cooling && i < 2 && c.Until.After(w.now()) && c.Until.Before(w.now().Add(33*24*time.Hour)) && c.Reason != "":
			default:
				t.Errorf("account %d: %+v", i, c)
			}
			if i == 2 && a.Usage != nil {
				t.Error("an account learned what another has used")
			}
		}
		s, err := w.store.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := json.Marshal(s); err != nil {
			t.Errorf("what was learned can't be written: %v", err)
		}
	})
}
