//go:build !linux && !darwin && !windows

package keychain

// system is empty: go-keyring may know this system, but its ways of failing
// were never looked at, so nothing is asked.
func system() platform {
	return platform{preflight: func() (finding, bool) {
		return finding{
			kind: NoKeychain,
			msg:  "this system has no keychain that ocgo-key knows",
			hint: "use Linux, macOS or Windows",
		}, false
	}}
}
