package opencode

import (
	"cmp"
	"io"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxLog is how many bytes are read from the end of a log. They contain many starts.
const maxLog = 4 << 20

// LogFile returns the path of the log in which OpenCode 2 reports on plugins. Source:
// docs/facts.md, "Plugins".
func LogFile(getenv func(string) string, home string) string {
	return filepath.Join(dataFolder(getenv, home), "log", "opencode.log")
}

var logField = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\b(timestamp|run|args|msg|message|id|target|plugin\.id|cause)=("(?:[^"\\]|\\.)*"|\S+)`)
})

// pluginEvents returns the fields of the log lines about plugins or the start of a server. Source:
// the log of 2.0.15.
func pluginEvents(log string) iter.Seq[map[string]string] {
	return func(yield func(map[string]string) bool) {
		for line := range strings.Lines(tail(log)) {
			if !strings.Contains(line, "plugin") && !strings.Contains(line, "cli starting") {
				continue
			}
			fields := map[string]string{}
			for _, m := range logField().FindAllStringSubmatch(line, -1) {
				fields[m[1]] = m[2]
				if text, err := strconv.Unquote(m[2]); err == nil {
					fields[m[1]] = text
				}
			}
			if !yield(fields) {
				return
			}
		}
	}
}

const (
	loading    = "loading plugin"
	loadFailed = "failed to load plugin"
)

// FailedPlugins returns the plugins, by path or by id, that the latest server of OpenCode 2 failed
// to load and has not loaded since. If there is no log, it returns none.
func FailedPlugins(log string) (failed []string) {
	run := ""
	for event := range pluginEvents(log) {
		name := cmp.Or(event["target"], event["plugin.id"])
		switch {
		case event["message"] == "cli starting" && strings.HasPrefix(event["args"], `["serve"`):
			run, failed = event["run"], nil
		case event["run"] != run:
		case event["msg"] == loading:
			failed = slices.DeleteFunc(failed, func(other string) bool { return other == event["id"] })
		case event["message"] == loadFailed && !slices.Contains(failed, name):
			failed = append(failed, name)
		}
	}
	return failed
}

// PluginFailure returns, in one line, why OpenCode 2's latest attempt to load the plugin at path
// failed, according to the log file. It is empty if the plugin was loaded, if the file at path is
// newer than the attempt, or if there is no log.
func PluginFailure(log, path string) string {
	written, err := os.Stat(path)
	if err != nil {
		return ""
	}
	failure := ""
	for event := range pluginEvents(log) {
		at, err := time.Parse(time.RFC3339Nano, event["timestamp"])
		switch {
		case err != nil || at.Before(written.ModTime()):
		case event["msg"] == loading && event["id"] == path:
			failure = ""
		case event["message"] == loadFailed && (event["target"] == path || event["plugin.id"] == PluginID):
			failure = cause(event["cause"])
		}
	}
	return failure
}

// cause shortens a cause from the log.
func cause(text string) string {
	text, _, _ = strings.Cut(text, "\n")
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
	f, info, err := openRegular(path)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
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
