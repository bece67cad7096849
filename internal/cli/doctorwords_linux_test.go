package cli_test

import (
	"encoding/json"
	"errors"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// diagnosis is what `doctor --json` prints.
type diagnosis struct {
	Findings []struct{ Check, Level, What, Fix string }
	OK       bool
}

// examine runs a shell command line that ends with doctor.
func examine(ts *testscript.TestScript, shell string) diagnosis {
	err := ts.Exec("sh", "-c", shell)
	exit, exited := errors.AsType[*exec.ExitError](err)
	if !exited {
		ts.Check(err)
	}
	var d diagnosis
	if err := json.Unmarshal([]byte(ts.ReadFile("stdout")), &d); err != nil {
		ts.Fatalf("doctor printed no diagnosis: %v", err)
	}
	code, want := 0, 0
	if exited {
		code = exit.ExitCode()
	}
	for _, f := range d.Findings {
		switch f.Level {
		case "problem":
			want = 1
		case "note":
		default:
			ts.Fatalf("no such level: %s", f.Level)
		}
		if f.Check == "" || f.What == "" || f.Fix == "" {
			ts.Fatalf("an incomplete finding: %+v", f)
		}
	}
	if code != want || d.OK != (want == 0) {
		ts.Fatalf("exit code %d and ok %v, with these findings", code, d.OK)
	}
	return d
}

func (d diagnosis) find(ts *testscript.TestScript, check, pattern string) (level, fix string, ok bool) {
	p, err := regexp.Compile(pattern)
	ts.Check(err)
	for _, f := range d.Findings {
		if f.Check == check && p.MatchString(f.What) {
			return f.Level, f.Fix, true
		}
	}
	return "", "", false
}

// fixPatience is the longest wait for a service that a fix has started: it is not reachable at
// once.
const fixPatience = 10 * time.Second

const doctorCommand = "exec ocgo-key doctor --json"

// found CHECK LEVEL PATTERN requires that doctor has this finding, and sets $FIX to its fix.
func found(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: found CHECK LEVEL PATTERN")
	}
	level, fix, ok := examine(ts, doctorCommand).find(ts, args[0], args[2])
	if !ok {
		ts.Fatalf("doctor found no %s in %s", args[2], args[0])
	}
	if level != args[1] {
		ts.Fatalf("the finding is a %s, want a %s", level, args[1])
	}
	ts.Setenv("FIX", fix)
}

// gone CHECK PATTERN requires that doctor does not have this finding.
func gone(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: gone CHECK PATTERN")
	}
	if _, _, still := examine(ts, doctorCommand).find(ts, args[0], args[1]); still {
		ts.Fatalf("doctor finds it")
	}
}

// fix [-in INPUT] CHECK LEVEL PATTERN requires that doctor has this finding, and runs the printed
// fix. The finding must then be gone.
func fix(ts *testscript.TestScript, neg bool, args []string) {
	input := "</dev/null"
	if len(args) > 2 && args[0] == "-in" {
		what := args[1]
		args = args[2:]
		input = ""
		if name, ok := strings.CutPrefix(what, "key:"); ok {
			ts.Setenv("MEND_IN", "pass show "+name)
		} else {
			ts.Setenv("MEND_IN", "echo "+what)
		}
	}
	if neg || len(args) != 3 {
		ts.Fatalf("usage: fix [-in WHAT] CHECK LEVEL PATTERN")
	}
	found(ts, false, args)
	ts.Logf("fix: %s", ts.Getenv("FIX"))
	run := `eval "$FIX"`
	if input == "" {
		run = `eval "$MEND_IN" | { eval "$FIX"; }`
	}
	// `doctor --repair` exits with 1 if there is another problem.
	after := examine(ts, `{ `+run+`; } `+input+` >&2 || [ "$FIX" = "ocgo-key doctor --repair" ] || { echo "the fix failed" >&2; exit 97; }; `+doctorCommand)
	for deadline := time.Now().Add(fixPatience); ; after = examine(ts, doctorCommand) {
		if _, _, still := after.find(ts, args[0], args[2]); !still {
			break
		}
		if time.Now().After(deadline) {
			ts.Fatalf("doctor still has the finding after its fix")
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Setenv("FIX", "")
}
