package cli

import (
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Programs call `get` all the time and wait for it, with one of few command lines. Those are read here: to build
// kong's model of a command takes as long as a fifth of what the keychain takes to answer. Whatever is not as plain as
// this goes to kong, which has the last word on what is right: TestPlainIsWhatKongReads.

// plain reads the command line of a `get`. With ok false nothing was read.
func (g *grammar) plain(args []string) (ok bool) {
	if args[0] != "get" {
		return false
	}
	flags, ok := plainGlobals()
	if !ok {
		return false
	}
	command := getCmd{Format: "plain"}
	for rest := args[1:]; len(rest) > 0; rest = rest[1:] {
		name, value, given := strings.Cut(rest[0], "=")
		if takes := name == "--pid" || name == "--format"; takes && !given {
			if len(rest) < 2 {
				return false
			}
			value, rest = rest[1], rest[1:]
		} else if given != takes {
			return false
		}
		switch name {
		case "--json":
			flags.JSON = true
		case "--pid":
			pid, err := strconv.Atoi(value)
			if err != nil || strconv.Itoa(pid) != value || pid < 1 {
				return false
			}
			command.PID = pid
		case "--format":
			if !slices.Contains([]string{"plain", "json", "git", "engflow"}, value) {
				return false
			}
			command.Format = value
		case "get", "store", "erase":
			if command.Action != "" {
				return false
			}
			command.Action = name
		default:
			return false
		}
	}
	g.globals, g.Get = flags, command
	return true
}

// plainGlobals are the flags of every command where none is given: what the environment says, else their defaults.
func plainGlobals() (flags globals, ok bool) {
	v := reflect.ValueOf(&flags).Elem()
	for field, value := range v.Fields() {
		if value.Kind() != reflect.String {
			continue
		}
		set, inEnvironment := os.LookupEnv(field.Tag.Get("env"))
		if inEnvironment && set == "" {
			return flags, false
		}
		if !inEnvironment {
			set = field.Tag.Get("default")
		}
		value.SetString(set)
	}
	return flags, true
}
