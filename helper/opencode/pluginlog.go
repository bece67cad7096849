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

// maxLog is how much is read from the end of a log, in bytes: enough for many starts.
const maxLog = 4 << 20

// LogFile returns the path of the log in which OpenCode 2 reports on plugins. Source:
// docs/facts.md, "Plugins".
func LogFile(getenv func(string) string, home string) string {
	return filepath.Join(dataFolder(getenv, home), "log", "opencode.log")
}

var logFields = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\b(timestamp|msg|message|id|target|plugin\.id|cause)=("(?:[^"\\]|\\.)*"|\S+)`)
})

// PluginFailure returns the reason, from the log file, why OpenCode 2 failed to load the plugin at
// path in its latest attempt: one line, empty if it was loaded, if the file at path is newer than
// the attempt, or if there is no log.
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

// cause shortens a cause from the log.
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

// tail returns the end of a file, in whole lines; empty if it cannot be read.
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
