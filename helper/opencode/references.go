package opencode

import (
	"crypto/rand"
	"encoding/json"
	"regexp"
	"strings"
	"sync"
)

// references are the parts of a configuration that OpenCode replaces before it reads the text, where they stand for more
// than a text: {"autoupdate":{env:AU}}. Within quotes they need no care.
type references struct {
	mark  string
	found []string
}

var referencePattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\{(?:env|file):[^{}\n]*\}`) })

// quoteReferences puts a text in quotes in the place of each, so that what is left is JSON.
func quoteReferences(config string) (string, references) {
	r := references{mark: "ocgo-key reference " + rand.Text() + " "}
	var out strings.Builder
	for i := 0; i < len(config); {
		rest := config[i:]
		if reference := referencePattern().FindString(rest); reference != "" {
			out.WriteString(r.quoted(len(r.found)))
			r.found = append(r.found, reference)
			i += len(reference)
			continue
		}
		n := 1
		switch {
		case rest[0] == '"':
			n = len(quotedText(rest))
		case strings.HasPrefix(rest, "//"):
			n = upTo(rest, "\n")
		case strings.HasPrefix(rest, "/*"):
			n = upTo(rest, "*/")
		}
		out.WriteString(rest[:n])
		i += n
	}
	return out.String(), r
}

// quotedText is the text in quotes that s begins with, to its end where none is closed.
func quotedText(s string) string {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return s[:i+1]
		}
	}
	return s
}

func upTo(s, end string) int {
	if i := strings.Index(s, end); i >= 0 {
		return i + len(end)
	}
	return len(s)
}

func (r references) quoted(n int) string {
	return `"` + r.mark + strings.Repeat("i", n) + `"`
}

// asText is the configuration with each reference as a text, to be read.
func (r references) asText(config string) string {
	for n, reference := range r.found {
		text, _ := json.Marshal(reference) // strings always marshal
		config = strings.ReplaceAll(config, r.quoted(n), string(text))
	}
	return config
}

// restore puts the references back.
func (r references) restore(config string) string {
	for n, reference := range r.found {
		config = strings.ReplaceAll(config, r.quoted(n), reference)
	}
	return config
}
