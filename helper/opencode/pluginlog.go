package opencode

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

// maxLog is how much of the end of a log is read, in bytes: many starts.
const maxLog = 4 << 20

// LogFile is where OpenCode 2 says what became of plugins. Source: docs/facts.md, "Plugins".
func LogFile(getenv func(string) string, home string) string {
	return filepath.Join(dataFolder(getenv, home), "log", "opencode.log")
}

var logFields = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\b(timestamp|msg|message|id|target|plugin\.id|cause)=("(?:[^"\\]|\\.)*"|\S+)`)
})

// PluginFailure is what the log file says of why OpenCode 2 did not load the plugin at path when it
// last did so: one line, empty where it was loaded, or where the file at path is newer than that. A
// log that is not there says nothing.
func PluginFailure(log, path string) string {
	written, err := os.Stat(path)
	if err != nil {
		return ""
	}
	failure := ""
	for line := range strings.Lines(tail(log)) {
		if !strings.Contains(line, "plugin") {
			continue
		}
		fields := map[string]string{}
		for _, m := range logFields().FindAllStringSubmatch(line, -1) {
			fields[m[1]] = strings.Trim(m[2], `"`)
		}
		at, err := time.Parse(time.RFC3339Nano, fields["timestamp"])
		if err != nil || at.Before(written.ModTime()) {
			continue
		}
		switch {
		case fields["msg"] == "loading plugin" && fields["id"] == path:
			failure = ""
		case fields["message"] == "failed to load plugin" && (fields["target"] == path || fields["plugin.id"] == PluginID):
			failure = cause(fields["cause"])
		}
	}
	return failure
}

// cause is a cause of the log in few words.
func cause(text string) string {
	text, _, _ = strings.Cut(text, `\n`)
	text, _, _ = strings.Cut(text, " (cause:")
	for _, before := range []string{"Cause([Fail(", "Cause([Die("} {
		text = strings.TrimPrefix(text, before)
	}
	text = strings.TrimRight(text, ")].")
	if text == "" {
		return "the log does not say why"
	}
	return text
}

// tail is the end of a file, in whole lines; empty where it cannot be read.
func tail(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return ""
	}
	from := max(0, info.Size()-maxLog)
	text, err := io.ReadAll(io.NewSectionReader(f, from, maxLog))
	if err != nil {
		return ""
	}
	_, rest, found := strings.Cut(string(text), "\n")
	if from > 0 && found {
		return rest
	}
	return string(text)
}
