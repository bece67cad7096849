package caller

import "testing"

func TestOneCommand(t *testing.T) {
	tests := []struct {
		d    dialect
		text string
		want bool
	}{
		{posix, `ocgo-key get`, true},
		{posix, `  ocgo-key get  `, true},
		{posix, "\nocgo-key get\n", true},
		{posix, `ocgo-key get;`, true},
		{posix, `ocgo-key get &`, true},
		{posix, `exec ocgo-key get`, true},
		{posix, `! ocgo-key get`, true},
		{posix, `time ocgo-key get`, true},
		{posix, `ocgo-key get | cat`, true},
		{posix, `ocgo-key get |& cat`, true},
		{posix, "ocgo-key get |\n cat", true},
		{posix, `a | b | c`, true},
		{posix, `KEY=$(ocgo-key get) opencode run "a; b"`, true},
		{posix, `export KEY="$(a; b && c)"`, true},
		{posix, "KEY=`a; b` c", true},
		{posix, `ocgo-key get "$@"`, true},
		{posix, `echo 'a; b' "c && d" e\;f done if`, true},
		{posix, `echo "it's" 'a "b' # ; not && run`, true},
		{posix, "echo a \\\n b", true},
		{posix, `ocgo-key get 2>&1 >/dev/null </dev/null`, true},
		{posix, `ocgo-key get &>log`, true},
		{posix, `ocgo-key get 2>&1|cat`, true},
		{posix, `ocgo-key get >|log`, true},
		{posix, `>log ocgo-key get`, true},
		{posix, `diff <(a; b) <(c)`, true},
		{posix, `cat <<<word`, true},
		{posix, `echo ${x:-"a;b"} $((1+(2))) {a,b} {} a#b`, true},
		{posix, `xargs -I{} sh -c 'a; b' {}`, true},
		{posix, `echo "$(echo ")"; echo '}')"`, true},
		{posix, `a; b`, false},
		{posix, `a;b`, false},
		{posix, `a && b`, false},
		{posix, `a || b`, false},
		{posix, `a & b`, false},
		{posix, "a\nb", false},
		{posix, "a # one\nb", false},
		{posix, `a | b; c`, false},
		{posix, `if a; then b; fi`, false},
		{posix, `for i in 1 2; do a; done`, false},
		{posix, `while a; do b; done`, false},
		{posix, `case x in x) a;; esac`, false},
		{posix, `{ a; }`, false},
		{posix, `(a)`, false},
		{posix, `( a )`, false},
		{posix, `f() { a; }`, false},
		{posix, `[[ -n x ]]`, false},
		{posix, `a=(b c)`, false},
		{posix, "cat <<E\nx\nE", false},
		{posix, `echo 'open`, false},
		{posix, `echo "open`, false},
		{posix, `echo $(open`, false},
		{posix, ``, false},
		{posix, " \n ", false},
		{posix, `# nothing`, false},
		{posix, `"if" a`, true},

		{fish, `ocgo-key get`, true},
		{fish, `set -x KEY (ocgo-key get; true)`, true},
		{fish, `env KEY=(ocgo-key get) opencode | cat`, true},
		{fish, `echo 'it\'s; one'`, true},
		{fish, `a; b`, false},
		{fish, `a; and b`, false},
		{fish, `if a; b; end`, false},
		{nu, `ocgo-key get`, true},
		{nu, `let k = (ocgo-key get)`, true},
		{nu, `ls | where {|x| $x.size > 1kb; true}`, true},
		{nu, `a; b`, false},
		{powershell, `ocgo-key get`, true},
		{powershell, "& 'C:\\a b\\ocgo-key.exe' get", true},
		{powershell, `$env:KEY = (ocgo-key get; 1)`, true},
		{powershell, `ocgo-key get | ForEach-Object { $_; 1 }`, true},
		{powershell, "echo `; one", true},
		{powershell, `a; b`, false},
		{powershell, `If ($x) { a }`, false},
		{powershell, `a && b`, false},
		{cmd, `ocgo-key get`, true},
		{cmd, `"C:\a & b\ocgo-key.exe" get 2>nul`, true},
		{cmd, `ocgo-key get | more`, true},
		{cmd, `echo it's ^& one`, true},
		{cmd, `a & b`, false},
		{cmd, `a && b`, false},
		{cmd, `IF exist x ocgo-key get`, false},
		{cmd, `for %i in (1) do a`, false},
	}
	for _, tt := range tests {
		if got := oneCommand(tt.text, tt.d); got != tt.want {
			t.Errorf("dialect %d, %q: got %v", tt.d, tt.text, got)
		}
	}
}

func TestShellCommand(t *testing.T) {
	tests := []struct {
		d    dialect
		args []string
		text string
		ok   bool
	}{
		{posix, []string{"sh"}, "", false},
		{posix, []string{"-bash"}, "", false},
		{posix, []string{"bash", "-i"}, "", false},
		{posix, []string{"sh", "-c", "a"}, "a", true},
		{posix, []string{"sh", "-c", "a", "name", "-x"}, "a", true},
		{posix, []string{"sh", "-ec", "a"}, "a", true},
		{posix, []string{"bash", "-lc", "a"}, "a", true},
		{posix, []string{"bash", "-c", "-e", "a"}, "a", true},
		{posix, []string{"bash", "-e", "-o", "pipefail", "-c", "a"}, "a", true},
		{posix, []string{"bash", "-euo", "pipefail", "-c", "a"}, "a", true},
		{posix, []string{"bash", "-ceuo", "pipefail", "a"}, "a", true},
		{posix, []string{"bash", "--norc", "--rcfile", "x", "-c", "--", "a"}, "a", true},
		{posix, []string{"bash", "-O", "extglob", "+o", "posix", "-c", "a"}, "a", true},
		{posix, []string{"bash", "-c"}, "", false},
		{posix, []string{"bash", "-c", "--"}, "", false},
		{posix, []string{"bash", "script", "-c", "a"}, "", false},
		{posix, []string{"bash", "-x", "script"}, "", false},
		{posix, []string{"bash", "--", "script", "-c"}, "", false},
		{posix, []string{"bash", "-s", "-"}, "", false},
		{fish, []string{"fish", "-c", "a"}, "a", true},
		{fish, []string{"fish", "-lc", "a"}, "a", true},
		{fish, []string{"fish", "-ca"}, "a", true},
		{fish, []string{"fish", "-C", "x", "--command", "a"}, "a", true},
		{fish, []string{"fish", "--command=a b"}, "a b", true},
		{fish, []string{"fish", "script", "-c", "a"}, "", false},
		{fish, []string{"fish", "-c"}, "", false},
		{nu, []string{"nu", "--config", "x", "--commands", "a"}, "a", true},
		{nu, []string{"nu", "-l"}, "", false},
		{powershell, []string{"pwsh", "-NoProfile", "-ExecutionPolicy", "Bypass", "-Command", "a", "b"}, "a b", true},
		{powershell, []string{"powershell", "/nologo", "-c", "a"}, "a", true},
		{powershell, []string{"pwsh", "-Command", "-"}, "", false},
		{powershell, []string{"pwsh", "-NoExit", "-Command", "a"}, "", false},
		{powershell, []string{"pwsh", "-File", "x", "-c", "a"}, "", false},
		{powershell, []string{"pwsh", "x.PS1", "-c", "a"}, "", false},
		{powershell, []string{"pwsh"}, "", false},
		{cmd, []string{"cmd.exe", "/c", "a"}, "a", true},
		{cmd, []string{"cmd", "/d", "/s", "/C", "a", "b c"}, `a "b c"`, true},
		{cmd, []string{"cmd", "/ca", "b"}, `a b`, true},
		{cmd, []string{"cmd", "/k", "a"}, "", false},
		{cmd, []string{"cmd", "/c"}, "", false},
		{cmd, []string{"cmd", "x", "/c", "a"}, "", false},
	}
	for _, tt := range tests {
		if text, ok := tt.d.command(tt.args); text != tt.text || ok != tt.ok {
			t.Errorf("%q: got %q, %v", tt.args, text, ok)
		}
	}
}

func FuzzOneCommand(f *testing.F) {
	for _, s := range []string{"a; b", `a "$(b`, "`", "a <<E", "a {b}", `\`, "$(", "<(", "| &", "^"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for d := posix; d <= cmd; d++ {
			if !oneCommand(text, d) {
				continue
			}
			// Blanks before the command change nothing. With a second command, there are two.
			if !oneCommand(" \n"+text, d) && d != cmd {
				t.Errorf("dialect %d: %q is one command, but not with blanks before it", d, text)
			}
		}
	})
}
