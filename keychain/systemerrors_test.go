package keychain_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"ocgo-key/keychain"
)

func checkError(t *testing.T, what any, got *keychain.Error, want keychain.Kind) {
	t.Helper()
	assert.Equal(t, want, got.Kind, "%v is %s, want %s", what, got.Kind, want)
	assert.NotEmpty(t, got.Error(), "%v", what)
	assert.NotEmpty(t, got.Hint, "%v has no next step", what)
}

func TestSecurityExitCodes(t *testing.T) {
	for code, want := range map[int]keychain.Kind{
		44: keychain.NotFound, 36: keychain.Locked, 29: keychain.Locked, 24: keychain.Locked, 51: keychain.Refused, 128: keychain.Refused,
		52: keychain.Refused, 37: keychain.NoKeychain, 49: keychain.NoKeychain, 50: keychain.NoKeychain,
		53: keychain.NoKeychain, 42: keychain.TooLarge, 1: keychain.Failed, 45: keychain.Failed, -1: keychain.Failed,
	} {
		checkError(t, code, keychain.SecurityExit(code), want)
	}
	statuses := map[int]int{} // by exit code
	for status := range keychain.SecurityStatuses {
		other, taken := statuses[status&0xff]
		assert.False(t, taken, "%d and %d have the same exit code", status, other)
		statuses[status&0xff] = status
	}
}

func TestWindowsErrorCodes(t *testing.T) {
	for code, want := range map[uint32]keychain.Kind{
		1168: keychain.NotFound, 1312: keychain.NoKeychain, 1722: keychain.NoKeychain, 1058: keychain.NoKeychain,
		5: keychain.Refused, 1223: keychain.Refused, 1783: keychain.TooLarge, 1460: keychain.Timeout,
		87: keychain.Failed, 0: keychain.Failed,
	} {
		checkError(t, code, keychain.WindowsError(code), want)
	}
}

func TestDBusErrorNames(t *testing.T) {
	for name, want := range map[string]keychain.Kind{
		"org.freedesktop.DBus.Error.ServiceUnknown":        keychain.NoKeychain,
		"org.freedesktop.DBus.Error.NameHasNoOwner":        keychain.NoKeychain,
		"org.freedesktop.DBus.Error.Spawn.ServiceNotFound": keychain.NoKeychain,
		"org.freedesktop.DBus.Error.Spawn.ChildExited":     keychain.NoKeychain,
		"org.freedesktop.Secret.Error.IsLocked":            keychain.Locked,
		"org.freedesktop.Secret.Error.NoSuchObject":        keychain.NoKeychain,
		"org.freedesktop.DBus.Error.AccessDenied":          keychain.Refused,
		"org.freedesktop.DBus.Error.AuthFailed":            keychain.NoKeychain,
		"org.freedesktop.DBus.Error.NoReply":               keychain.NoKeychain,
		"org.freedesktop.DBus.Error.TimedOut":              keychain.Timeout,
		"org.freedesktop.DBus.Error.Disconnected":          keychain.Failed,
		"org.freedesktop.DBus.Error.Failed":                keychain.Failed,
	} {
		checkError(t, name, keychain.DBusError(name), want)
	}
}

// These are messages of docker-credential-pass, -secretservice, -osxkeychain and -wincred.
func TestHelperWords(t *testing.T) {
	for text, want := range map[string]keychain.Kind{
		"pass not initialized: exit status 1: Error: password store is empty. Try \"pass init\".":                      keychain.NoKeychain,
		"exit status 2: gpg: public key decryption failed: Operation cancelled\ngpg: decryption failed: No secret key": keychain.Refused,
		"exit status 2: gpg: public key decryption failed: Timeout\ngpg: decryption failed: No secret key":             keychain.Timeout,
		"exit status 2: gpg: public key decryption failed: No pinentry\ngpg: decryption failed: No secret key":         keychain.Locked,
		"exit status 2: gpg: decryption failed: No secret key\n":                                                       keychain.Locked,
		"exit status 1: gpg: s@example.invalid: skipped: No name\ngpg: [stdin]: encryption failed: No name":            keychain.Refused,
		"Cannot create an item in a locked collection":                                                                 keychain.Locked,
		"Object does not exist at path “/org/freedesktop/secrets/collection/login”":                                    keychain.NoKeychain,
		"The name org.freedesktop.secrets was not provided by any .service files":                                      keychain.NoKeychain,
		"Could not connect: No such file or directory":                                                                 keychain.NoKeychain,
		"Cannot autolaunch D-Bus without X11 $DISPLAY":                                                                 keychain.NoKeychain,
		"The given address is empty":                keychain.NoKeychain,
		"User interaction is not allowed. (-25308)": keychain.Locked,
		"keychain cannot be accessed because the current session does not allow user interaction. The keychain may be …": keychain.Locked,
		"The stub received bad data.": keychain.TooLarge,
		"something else":              keychain.Failed,
		"":                            keychain.Failed,
	} {
		got := keychain.HelperError(text)
		checkError(t, text, got, want)
		assert.Contains(t, got.Error(), "docker-credential-x")
	}
	got := keychain.HelperError("near sk-0123456789abcdef0123456789 there")
	assert.Contains(t, got.Error(), "near […] there", "a word that may be a key must not be shown")
}

func TestErrorMatchesItsSentinelOnly(t *testing.T) {
	sentinels := map[keychain.Kind]error{
		keychain.NotFound: keychain.ErrNotFound, keychain.Locked: keychain.ErrLocked,
		keychain.NoKeychain: keychain.ErrNoKeychain, keychain.Timeout: keychain.ErrTimeout,
		keychain.Refused: keychain.ErrRefused, keychain.TooLarge: keychain.ErrTooLarge,
	}
	names := map[string]bool{}
	for kind := keychain.Failed; kind <= keychain.TooLarge; kind++ {
		names[kind.String()] = true
		err := error(&keychain.Error{Kind: kind, Op: "get", Store: "os", ID: "id"})
		for other, sentinel := range sentinels {
			assert.Equal(t, kind == other, errors.Is(err, sentinel), "%s is %v", kind, sentinel)
		}
	}
	assert.Len(t, names, 7)
	assert.Equal(t, "kind 99", keychain.Kind(99).String())
}

func TestErrorText(t *testing.T) {
	cause := errors.New("it is locked")
	for want, e := range map[string]*keychain.Error{
		`cannot read the key of account "ab12" (OS keychain): it is locked`:   {Kind: keychain.Locked, Op: "get", Store: "os", ID: "ab12", Err: cause},
		`cannot store the key of account "ab12" (store memory): it is locked`: {Kind: keychain.Locked, Op: "set", Store: "memory", ID: "ab12", Err: cause},
		`cannot delete the key (store docker:pass): locked`:                   {Kind: keychain.Locked, Op: "delete", Store: "docker:pass"},
		`it is locked`: {Kind: keychain.Locked, Err: cause},
		`too large`:    {Kind: keychain.TooLarge},
	} {
		assert.Equal(t, want, e.Error())
	}
	assert.ErrorIs(t, &keychain.Error{Err: cause}, cause)
}
