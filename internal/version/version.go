// Package version returns the version of this build, and the program's User-Agent.
package version

import (
	"runtime/debug"
	"strings"
)

// contact is the publisher's web page or mail address. A release sets it with -ldflags "-X
// ocgo-key/internal/version.contact=ADDRESS".
var contact string

// String returns the version that the build has recorded: the version of the module, else the
// commit.
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

// visible removes characters that could end the product name or the comment, or break the header.
func visible(r rune) rune {
	if r <= ' ' || r >= 0x7f || strings.ContainsRune("()\\", r) {
		return -1
	}
	return r
}
