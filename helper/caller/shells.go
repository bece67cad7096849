package caller

import (
	"strings"

	"ocgo-key/internal/process"
)

// dialect is a shell's language, as far as the parsing of options and commands depends on it.
type dialect int

const (
	posix      dialect = iota + 1 // sh and its descendants
	fish                          // a bare (…) is a substitution
	nu                            // as in fish; there is no && and no backslash
	powershell                    // backtick escapes, "&" calls
	cmd                           // caret escapes, double quotes only
)

var shells = map[string]dialect{
	"sh": posix, "bash": posix, "rbash": posix, "dash": posix, "ash": posix, "hush": posix, "zsh": posix,
	"ksh": posix, "ksh93": posix, "mksh": posix, "oksh": posix, "lksh": posix, "pdksh": posix, "yash": posix,
	"fish": fish, "nu": nu, "nushell": nu,
	"pwsh": powershell, "powershell": powershell, "pwsh-preview": powershell,
	"csh": posix, "tcsh": posix, "elvish": posix, "xonsh": posix, "osh": posix,
}

func shellOf(p process.Info) (dialect, bool) {
	for _, n := range names(p) {
		if d, ok := shells[n]; ok {
			return d, true
		}
		if strings.EqualFold(n, "cmd") { // often in capitals
			return cmd, true
		}
	}
	return 0, false
}

// command returns the text that a shell runs by its option -c or the like. It returns false if
// there is none: the shell then reads a script, its standard input or a terminal. args is its
// argument vector.
func (d dialect) command(args []string) (text string, ok bool) {
	if len(args) < 2 {
		return "", false
	}
	switch args = args[1:]; d {
	case cmd:
		return cmdCommand(args)
	case powershell:
		return powershellCommand(args)
	case fish, nu:
		return longCommand(args)
	default:
		return posixCommand(args)
	}
}

// posixCommand follows POSIX sh, and the additions of bash, zsh and ksh: if "c" is among the
// letters of an option, the first operand is the text, wherever it is.
func posixCommand(args []string) (string, bool) {
	takesNext := set("--rcfile --init-file --emulate")
	hasText := false // an option -c was seen
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case takesNext[a]:
			i++
		case a == "--" || a == "-":
			if hasText && i+1 < len(args) {
				return args[i+1], true
			}
			return "", false
		case strings.HasPrefix(a, "--"):
		case len(a) > 1 && (a[0] == '-' || a[0] == '+'):
			letters := a[1:]
			if a[0] == '-' && strings.Contains(letters, "c") {
				hasText = true
			}
			// each o, and each O of bash, takes a name as its value
			i += strings.Count(letters, "o") + strings.Count(letters, "O")
		case hasText:
			return a, true
		default:
			return "", false // a script
		}
	}
	return "", false
}

// longCommand is for fish and nu: the text is the value of an option.
func longCommand(args []string) (string, bool) {
	takesNext := set(`-C --init-command -d --debug -D --profile -p -o --debug-output -f --features
		-e --execute -I --include-path -t --testbin -m --table-mode
		--config --env-config --plugin-config --plugins --log-level --log-target`)
	for i := 0; i < len(args); i++ {
		a := args[i]
		name, value, has := strings.Cut(a, "=")
		switch {
		case takesNext[a]:
			i++
		case !strings.HasPrefix(a, "-"):
			return "", false // a script
		case (name == "--command" || name == "--commands") && has:
			return value, true
		case name == "--command" || name == "--commands",
			!strings.HasPrefix(a, "--") && strings.HasSuffix(a, "c"):
			if i+1 < len(args) {
				return args[i+1], true
			}
			return "", false
		case strings.HasPrefix(a, "-c"): // in fish, the text may follow -c in the same word
			return a[len("-c"):], true
		}
	}
	return "", false
}

// powershellCommand returns everything after the option -Command. It knows the options that may
// come before it. Options may be abbreviated, and may begin with a slash.
func powershellCommand(args []string) (string, bool) {
	for i, a := range args {
		if strings.HasSuffix(strings.ToLower(a), ".ps1") {
			return "", false // a script, or the value of -File
		}
		if len(a) < 2 || (a[0] != '-' && a[0] != '/') {
			continue // the value of an option before
		}
		name := strings.TrimLeft(strings.ToLower(a[1:]), "-")
		switch {
		case name == "f" || (len(name) > 1 && strings.HasPrefix("file", name)):
			return "", false
		case name == "noexit" || name == "noe":
			return "", false
		case name == "c" || (len(name) > 1 && strings.HasPrefix("command", name)):
			if i+1 == len(args) || args[i+1] == "-" {
				return "", false // the text comes on standard input
			}
			return strings.Join(args[i+1:], " "), true
		}
	}
	return "", false
}

// cmdCommand returns the text after /c. With /k the shell stays open, so there is no such text.
func cmdCommand(args []string) (string, bool) {
	for i, a := range args {
		if len(a) < 2 || a[0] != '/' {
			return "", false
		}
		switch a[1] {
		case 'k', 'K':
			return "", false
		case 'c', 'C', 'r', 'R':
			words := args[i+1:]
			if glued := a[2:]; glued != "" {
				words = append([]string{glued}, words...)
			}
			if len(words) < 2 {
				return strings.Join(words, ""), len(words) == 1
			}
			// The quotes were lost when the line was split; restore the ones that matter.
			text := make([]string, len(words))
			for j, w := range words {
				if strings.Contains(w, " ") {
					w = `"` + w + `"`
				}
				text[j] = w
			}
			return strings.Join(text, " "), true
		}
	}
	return "", false
}
