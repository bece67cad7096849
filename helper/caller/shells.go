package caller

import (
	"strings"

	"ocgo-key/internal/process"
)

// dialect is a group of shells whose options and commands are parsed in the same manner.
type dialect int

const (
	posix      dialect = iota + 1 // sh and its descendants
	fish                          // (…) is a substitution
	nu                            // like fish, but without && and backslash
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
		if strings.EqualFold(n, "cmd") { // often in upper case
			return cmd, true
		}
	}
	return 0, false
}

// command returns the text of a shell's option -c, or of a similar option. It returns false if
// there is no such option: then the shell reads a script, its standard input or a terminal. args
// are all arguments of the shell.
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

// posixCommand parses the arguments of POSIX sh, bash, zsh and ksh. If an option contains the
// letter c, the text is the first argument after all options.
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
			// each letter o, and each O of bash, has the next argument as its value
			i += strings.Count(letters, "o") + strings.Count(letters, "O")
		case hasText:
			return a, true
		default:
			return "", false // a script
		}
	}
	return "", false
}

// longCommand parses the arguments of fish and nu. The text is the value of an option.
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

// powershellCommand returns everything after the option -Command. It skips the options that may
// come before it. Options may be abbreviated, and may begin with a slash.
func powershellCommand(args []string) (string, bool) {
	for i, a := range args {
		if strings.HasSuffix(strings.ToLower(a), ".ps1") {
			return "", false // a script, or the value of -File
		}
		if len(a) < 2 || (a[0] != '-' && a[0] != '/') {
			continue // the value of the previous option
		}
		name := strings.TrimLeft(strings.ToLower(a[1:]), "-")
		switch {
		case name == "f" || (len(name) > 1 && strings.HasPrefix("file", name)):
			return "", false
		case name == "noexit" || name == "noe":
			return "", false
		case name == "c" || (len(name) > 1 && strings.HasPrefix("command", name)):
			if i+1 == len(args) || args[i+1] == "-" {
				return "", false // the shell reads the text from standard input
			}
			return strings.Join(args[i+1:], " "), true
		}
	}
	return "", false
}

// cmdCommand returns the text after /c. With /k the shell stays open, so cmdCommand returns no
// text.
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
			// The quotes were lost when the line was split. Restore those that matter.
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
