package caller

import (
	"slices"
	"strings"

	"ocgo-key/internal/process"
)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

var (
	// Programs that start one other program and wait for it, or are replaced by it.
	launchers = set(`env sudo doas su runuser pkexec setpriv nice ionice chrt taskset timeout nohup setsid
		stdbuf unbuffer script xargs parallel time chronic command prlimit chroot unshare nsenter
		dbus-run-session systemd-inhibit
		genv gnice gtimeout gnohup gstdbuf gxargs gtime caffeinate arch`)

	// Programs that are launchers only with one of these subcommands.
	launcherWords = map[string]map[string]bool{
		"direnv": set("exec"),
		"mise":   set("exec x run r"),
		"rtx":    set("exec x run r"),
		"asdf":   set("exec"),
		"bun":    set("x"),
	}

	// Names of package runners: the programs, the scripts that Node.js runs for them, and the first
	// words of their process titles.
	runners = set(`npm npx pnpm pnpx yarn yarnpkg bunx corepack npm-cli.js npx-cli.js
		pnpm.cjs pnpm.js pnpm.mjs pnpx.cjs yarn.js yarn.cjs corepack.js`)

	// The start script of the npm package of ocgo-key, which starts ocgo-key. It is a separate
	// process only on systems where Node.js cannot replace itself.
	ownScript = set("ocgo-key ocgo-key.js")

	interpreters = set("node nodejs bun")

	// Processes that become the parent of a process whose parent has ended, in addition to process
	// 1.
	inits = set("init systemd launchd tini dumb-init docker-init catatonit s6-svscan runit openrc-init")
)

// programName returns the base name of a program's path, as in the tables above.
func programName(s string) string {
	if i := strings.LastIndexAny(s, `/\`); i >= 0 {
		s = s[i+1:]
	}
	if n := len(s) - len(".exe"); n > 0 && strings.EqualFold(s[n:], ".exe") {
		s = strings.ToLower(s[:n])
	}
	return s
}

// names returns the names of p: the name in the process table and the first argument, without the
// dash of a login shell.
func names(p process.Info) []string {
	out := []string{programName(strings.TrimPrefix(p.Name, "-"))}
	if len(p.Args) > 0 {
		out = append(out, programName(strings.TrimPrefix(p.Args[0], "-")))
	}
	return out
}

// withoutBusybox removes the word "busybox" before the name of an applet.
func withoutBusybox(args []string) []string {
	if len(args) > 1 {
		if n := programName(args[0]); n == "busybox" || n == "toybox" {
			return args[1:]
		}
	}
	return args
}

func isInit(p process.Info) bool {
	// On WSL each session has its own init process, with a name such as "init(Ubuntu)".
	name, _, _ := strings.Cut(programName(p.Name), "(")
	return inits[name]
}

func isLauncher(p process.Info) bool {
	if runsScript(p) {
		return false // a script is not a launcher, even if it has the name of one
	}
	// The title is checked before the names, since the base name of "npm exec @some/env" is "env".
	if hasTitle(p) {
		return true
	}
	for _, n := range names(p) {
		if launchers[n] || runners[n] {
			return true
		}
		if words := launcherWords[n]; words != nil && len(p.Args) > 1 && words[firstWord(p.Args[1:])] {
			return true
		}
		if interpreters[n] && len(p.Args) > 1 {
			if script := programName(scriptOf(p.Args[1:])); runners[script] || ownScript[script] {
				return true
			}
		}
	}
	return false
}

// runsScript reports whether p is a shell that was started by the #! line of a script. Such a
// process has the script's name and the shell's arguments.
func runsScript(p process.Info) bool {
	return len(p.Args) > 1 && shells[programName(p.Args[0])] != 0 && programName(p.Name) == programName(p.Args[1])
}

// hasTitle reports whether p has the process title of a package runner ("npm exec …"), which
// overwrites its arguments. The kernel's name of the process is the beginning of this title.
func hasTitle(p process.Info) bool {
	titles := []string{p.Name}
	if len(p.Args) > 0 {
		titles = append(titles, p.Args[0])
	}
	return slices.ContainsFunc(titles, func(s string) bool {
		first, _, more := strings.Cut(s, " ")
		return more && runners[first]
	})
}

func firstWord(args []string) string {
	i := slices.IndexFunc(args, func(a string) bool { return !strings.HasPrefix(a, "-") })
	if i < 0 {
		return ""
	}
	return args[i]
}

// scriptOf returns the script in an interpreter's arguments.
func scriptOf(args []string) string {
	takesNext := set("-r --require --import --loader --experimental-loader -C --conditions --env-file")
	for i := 0; i < len(args); i++ {
		switch a := args[i]; {
		case takesNext[a]:
			i++
		case a == "-e" || a == "--eval" || a == "-p" || a == "--print":
			return ""
		case !strings.HasPrefix(a, "-"):
			return a
		}
	}
	return ""
}
