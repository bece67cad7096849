// Package version knows which build this program is, and how it names itself to others.
package version

import (
	"runtime/debug"
	"strings"
)

// contact is where the makers of this build can be reached: an address of a page or of mail. A release sets it with
// -ldflags "-X ocgo-key/internal/version.contact=ADDRESS".
var contact string

// String is what the build recorded: the module's version, else the commit.
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

// UserAgent is how the program names itself in requests of its own: "ocgo-key/VERSION (ADDRESS)", the address where the
// build has one.
func UserAgent() string { return userAgent(String(), contact) }

func userAgent(version, contact string) string {
	agent := "ocgo-key/" + strings.Map(visible, version)
	if contact = strings.Map(visible, contact); contact != "" {
		agent += " (" + contact + ")"
	}
	return agent
}

// visible drops what could end a product's name or its comment, or break a header.
func visible(r rune) rune {
	if r <= ' ' || r >= 0x7f || strings.ContainsRune("()\\", r) {
		return -1
	}
	return r
}
