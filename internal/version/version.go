// Package version returns the version of this build, and the program's User-Agent.
package version

import (
	"runtime/debug"
	"strings"
)

// contact is the address of a web page or a mailbox of the publisher of this build. A release sets
// it with -ldflags "-X ocgo-key/internal/version.contact=ADDRESS".
var contact string

// String returns the version that the build recorded: the module's version, else the commit.
func String() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return "devel-" + s.Value[:min(12, len(s.Value))]
		}
	}
	return "devel"
}

// UserAgent returns the User-Agent of the program's own requests: "ocgo-key/VERSION (ADDRESS)",
// without the address if the build has none.
func UserAgent() string { return userAgent(String(), contact) }

func userAgent(version, contact string) string {
	agent := "ocgo-key/" + strings.Map(visible, version)
	if contact = strings.Map(visible, contact); contact != "" {
		agent += " (" + contact + ")"
	}
	return agent
}

// visible drops characters that could end a product's name or its comment, or break a header.
func visible(r rune) rune {
	if r <= ' ' || r >= 0x7f || strings.ContainsRune("()\\", r) {
		return -1
	}
	return r
}
