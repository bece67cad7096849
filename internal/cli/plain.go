package cli

import (
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// plain parses the usual command lines of `get` without kong. Programs wait for `get`, and kong's
// model takes a fifth of the time of a keychain call. For any other command line plain returns
// false and changes nothing; then kong parses it. TestPlainIsWhatKongReads compares both parsers.
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
		if takes := slices.Contains([]string{"--pid", "--format", "--account"}, name); takes && !given {
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
		case "--account":
			command.Account = value
		case "--again":
			command.Again = true
		case "--only":
			command.Only = true
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

// plainGlobals returns the values of global flags that are not given: from environment variables,
// else the defaults.
func plainGlobals() (flags globals, ok bool) {
	v := reflect.ValueOf(&flags).Elem()
	for field, value := range v.Fields() {
		set, inEnvironment := os.LookupEnv(field.Tag.Get("env"))
		switch {
		case inEnvironment && (set == "" || value.Kind() != reflect.String):
			return flags, false
		case value.Kind() != reflect.String:
			continue
		}
		if !inEnvironment {
			set = field.Tag.Get("default")
		}
		value.SetString(set)
	}
	return flags, true
}
