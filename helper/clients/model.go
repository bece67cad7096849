package clients

import (
	"encoding/json"
	"os"
	"strings"

	"github.com/tailscale/hujson"
)

// flag returns the first of these flags among the arguments, or an empty string. A short flag may
// have its value in the same word.
func (s Start) flag(names ...string) string {
	for _, arg := range s.Args {
		if arg == "--" {
			break // the rest is the prompt
		}
		for _, name := range names {
			short := len(name) == 2
			if arg == name || strings.HasPrefix(arg, name+"=") || short && strings.HasPrefix(arg, name) {
				return name
			}
		}
	}
	return ""
}

// value returns the value of the first of these flags among the arguments, or an empty string.
func (s Start) value(names ...string) string {
	for i, arg := range s.Args {
		if arg == "--" {
			break
		}
		for _, name := range names {
			rest, ok := strings.CutPrefix(arg, name)
			switch {
			case !ok:
			case rest != "" && (rest[0] == '=' || len(name) == 2):
				return strings.TrimPrefix(rest, "=")
			case rest == "" && i+1 < len(s.Args):
				return s.Args[i+1]
			}
		}
	}
	return ""
}

// variable returns the first of these variables that is set, or an empty string.
func (s Start) variable(names ...string) string {
	for _, name := range names {
		if s.Getenv(name) != "" {
			return name
		}
	}
	return ""
}

// setting returns the first of these JSON files that has a value at one of the paths, or an empty
// string. The parts of a path are separated by dots. A file that cannot be read has no settings.
func setting(files []string, paths ...string) string {
	for _, file := range files {
		for _, path := range paths {
			if valueIn(file, path) != "" {
				return file
			}
		}
	}
	return ""
}

// valueIn returns the text at a path of a JSON file, or an empty string. The file may have
// comments.
func valueIn(file, path string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	return valueOf(text, path)
}

// valueOf is valueIn for the content of a file.
func valueOf(text []byte, path string) string {
	plain, err := hujson.Standardize(text)
	if err != nil {
		return ""
	}
	var at any
	if json.Unmarshal(plain, &at) != nil {
		return ""
	}
	for part := range strings.SplitSeq(path, ".") {
		object, _ := at.(map[string]any)
		at = object[part]
	}
	value, _ := at.(string)
	return value
}
