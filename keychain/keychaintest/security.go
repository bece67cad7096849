package keychaintest

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// SecurityVariable is the environment variable with the folder of Security's items and logs.
const SecurityVariable = "OCGO_KEY_TEST_SECURITY"

// Security simulates macOS' /usr/bin/security. It has the commands that ocgo-key uses, with the
// output and exit codes of Apple's sources (SecurityTool). The file "mode" in its folder may change
// its behavior:
//
//	locked      exit code 36, as in a session that cannot show a prompt
//	denied      exit code 51
//	canceled    exit code 128
//	no-default  nothing can be stored (37), and nothing is found
//	hanging     waits until it is killed, as behind a prompt that nobody answers
//	slow        answers after 300 ms
//	noisy       prints what the allocator prints with MallocStackLogging set
//
// It writes each call to the file "calls": the names of variables that it should not have got, and
// the command.
func Security(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	s := standIn{dir: os.Getenv(SecurityVariable), stdout: stdout, stderr: stderr}
	if s.dir == "" || len(args) == 0 {
		fmt.Fprintln(stderr, "security: no command, or no folder in "+SecurityVariable)
		return 2
	}
	if args[0] != "-i" {
		return s.command(args)
	}
	code := 0
	for lines := bufio.NewScanner(stdin); lines.Scan(); {
		words, ok := splitLine(lines.Text())
		if !ok {
			return 2
		}
		if code = s.command(words); code != 0 {
			fmt.Fprintf(stderr, "%s: returned %d\n", words[0], code)
		}
	}
	return code
}

// standIn is one run of Security.
type standIn struct {
	dir            string
	stdout, stderr io.Writer
}

func (s standIn) command(args []string) int {
	mode, _ := os.ReadFile(filepath.Join(s.dir, "mode"))
	if err := s.record(args[0]); err != nil {
		return s.fail(1, err.Error())
	}
	switch strings.TrimSpace(string(mode)) {
	case "locked":
		return s.fail(36, "User interaction is not allowed.")
	case "denied":
		return s.fail(51, "The user name or passphrase you entered is not correct.")
	case "canceled":
		return s.fail(128, "User canceled the operation.")
	case "no-default":
		if args[0] == "add-generic-password" {
			return s.fail(37, "A default keychain could not be found.")
		}
		if args[0] == "dump-keychain" {
			return 0
		}
		return s.notFound()
	case "hanging":
		time.Sleep(time.Hour) // without cgo, select {} would be a deadlock that Go detects
	case "slow":
		time.Sleep(300 * time.Millisecond)
	case "noisy":
		fmt.Fprintln(s.stderr, "security(123) MallocStackLogging: could not tag MSL-related memory as no_footprint")
		fmt.Fprintln(s.stderr, "security(123) MallocStackLogging: recording malloc and VM allocation stacks")
	}
	return s.answer(args)
}

// record logs a call and the process id, before anything can hang.
func (s standIn) record(command string) error {
	var strangers strings.Builder
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, "Malloc") || strings.HasPrefix(name, "DYLD_") {
			strangers.WriteString(name + " ")
		}
	}
	for name, line := range map[string]string{"calls": strangers.String() + command, "pids": strconv.Itoa(os.Getpid())} {
		f, err := os.OpenFile(filepath.Join(s.dir, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		_, err = io.WriteString(f, line+"\n")
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// answer simulates security for an unlocked keychain.
func (s standIn) answer(args []string) int {
	command, options := args[0], map[string]string{}
	for rest := args[1:]; len(rest) > 0; rest = rest[1:] {
		switch rest[0] {
		case "-U":
		case "-s", "-a", "-w", "-wa":
			if len(rest) < 2 {
				return 2
			}
			options[strings.Replace(rest[0], "-wa", "-a", 1)] = rest[1]
			rest = rest[1:]
		default:
			return 2
		}
	}
	path := s.item(options["-s"], options["-a"])
	switch command {
	case "find-generic-password":
		secret, err := os.ReadFile(path)
		if err != nil {
			return s.notFound()
		}
		fmt.Fprintln(s.stdout, string(secret))
	case "add-generic-password":
		// The file is renamed, so that a concurrent find reads the old item or the new one.
		scratch := path + "." + strconv.Itoa(os.Getpid())
		if os.WriteFile(scratch, []byte(options["-w"]), 0o600) != nil || os.Rename(scratch, path) != nil {
			return s.fail(1, "the item could not be written")
		}
	case "delete-generic-password":
		if os.Remove(path) != nil {
			return s.notFound()
		}
		fmt.Fprintln(s.stderr, "password has been deleted.")
	case "dump-keychain":
		return s.dump()
	default:
		return 2
	}
	return 0
}

func (s standIn) item(service, user string) string {
	return filepath.Join(s.dir, hex.EncodeToString([]byte(service))+"-"+hex.EncodeToString([]byte(user))+".item")
}

// SecurityItems returns the secrets in a folder of Security, by user.
func SecurityItems(dir, service string) (map[string]string, error) {
	paths, err := filepath.Glob(filepath.Join(dir, hex.EncodeToString([]byte(service))+"-*.item"))
	items := map[string]string{}
	for _, path := range paths {
		_, encoded, _ := strings.Cut(strings.TrimSuffix(filepath.Base(path), ".item"), "-")
		user, badName := hex.DecodeString(encoded)
		secret, unread := os.ReadFile(path)
		if errors.Is(unread, fs.ErrNotExist) {
			continue // the item was deleted meanwhile
		}
		if err := errors.Join(badName, unread); err != nil {
			return nil, err
		}
		items[string(user)] = string(secret)
	}
	return items, err
}

// dump prints each item like dump-keychain: without its secret. Text that is not printable ASCII is
// printed in hexadecimal first.
func (s standIn) dump() int {
	const service = "ocgo-key"
	items, err := SecurityItems(s.dir, service)
	if err != nil {
		return s.fail(1, err.Error())
	}
	foreign := map[string]string{"somebody": "another service"}
	for user := range items {
		foreign[user] = service
	}
	for user, service := range foreign {
		fmt.Fprintf(s.stdout, "keychain: \"/Users/somebody/Library/Keychains/login.keychain-db\"\nversion: 512\nclass: \"genp\"\nattributes:\n"+
			"    0x00000007 <blob>=%[2]s\n    0x00000008 <blob>=<NULL>\n    \"acct\"<blob>=%[1]s\n    \"desc\"<blob>=<NULL>\n"+
			"    \"svce\"<blob>=%[2]s\n    \"type\"<uint32>=<NULL>\n", dumped(user), dumped(service))
	}
	return 0
}

func dumped(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return fmt.Sprintf("0x%X  %q", text, strings.Map(func(r rune) rune {
			if r < ' ' || r > '~' {
				return '?'
			}
			return r
		}, text))
	}
	return `"` + text + `"`
}

func (s standIn) notFound() int {
	return s.fail(44, "The specified item could not be found in the keychain.")
}

func (s standIn) fail(code int, message string) int {
	fmt.Fprintln(s.stderr, "security: "+message)
	return code
}

// splitLine splits a command of `security -i` into words. Text in quotes is part of one word. A
// backslash quotes the next byte, except in single quotes.
func splitLine(line string) (words []string, ok bool) {
	var word strings.Builder
	var quote byte
	started := false
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\' && quote != '\'' && i+1 < len(line):
			i++
			word.WriteByte(line[i])
			started = true
		case quote != 0:
			word.WriteByte(c)
		case c == '\'' || c == '"':
			quote, started = c, true
		case c == ' ' || c == '\t':
			if started {
				words = append(words, word.String())
				word.Reset()
				started = false
			}
		default:
			word.WriteByte(c)
			started = true
		}
	}
	if started {
		words = append(words, word.String())
	}
	return words, quote == 0 && len(words) > 0
}
