package keychain

import (
	"errors"
	"fmt"
)

// The error codes of the three systems. Every system compiles all tables, so that each can be
// tested everywhere.

// securityStatuses are the errors of macOS' keychain, by their OSStatus (SecBase.h).
var securityStatuses = map[int]*Error{
	-25300: errNotFound,       // errSecItemNotFound
	-25308: errSecurityLocked, // errSecInteractionNotAllowed
	-25315: errSecurityLocked, // errSecInteractionRequired
	-25320: { // errSecInDarkWake
		Kind: Locked,
		Err:  errors.New("the Mac is asleep, and the keychain cannot show a prompt"),
		Hint: "try again when it is awake",
	},
	-25293: { // errSecAuthFailed
		Kind: Refused,
		Err:  errors.New("the keychain did not accept the authorization"),
		Hint: "allow `security` to use the item when macOS asks, or unlock the keychain with `security unlock-keychain`",
		Fix:  "security unlock-keychain",
	},
	-128: { // errSecUserCanceled
		Kind: Refused,
		Err:  errors.New("the prompt was canceled"),
		Hint: "try again and allow it",
	},
	-25292: { // errSecReadOnly
		Kind: Refused,
		Err:  errors.New("the keychain is read-only"),
		Hint: "choose a keychain that you can write with `security default-keychain`",
	},
	-25307: errNoDefaultKeychain, // errSecNoDefaultKeychain
	-25295: errNoDefaultKeychain, // errSecInvalidKeychain
	-25294: errNoDefaultKeychain, // errSecNoSuchKeychain
	-25291: errNoDefaultKeychain, // errSecNotAvailable
	-25302: errTooLarge,          // errSecDataTooLarge
}

var (
	errSecurityLocked = &Error{
		Kind: Locked,
		Err:  errors.New("the keychain is locked, and this session can't ask for its password"),
		Hint: "run `security unlock-keychain` and try again",
		Fix:  "security unlock-keychain",
	}
	errNoDefaultKeychain = &Error{
		Kind: NoKeychain,
		Err:  errors.New("there is no usable default keychain"),
		Hint: "see `security default-keychain`; log in to the desktop once, or create a keychain in Keychain Access. root and programs that launchd starts at boot have none: use the encrypted file there, with `--store file`",
		Fix:  "security default-keychain -d user -s login.keychain-db",
	}
)

// securityExit returns the error for an exit code of macOS' /usr/bin/security. The code is the low
// byte of an OSStatus.
func securityExit(code int) *Error {
	for status, known := range securityStatuses {
		if status&0xff == code {
			return known
		}
	}
	return &Error{Err: fmt.Errorf("security ended with exit code %d", code), Hint: "try again in a terminal of the desktop session"}
}

// windowsError returns the error for a Windows error code (winerror.h) of Credential Manager.
func windowsError(code uint32) *Error {
	switch code {
	case 1168: // ERROR_NOT_FOUND
		return errNotFound
	case 1312: // ERROR_NO_SUCH_LOGON_SESSION
		return &Error{
			Kind: NoKeychain,
			Err:  errors.New("this logon session has no Credential Manager"),
			Hint: "log in at the desktop or over Remote Desktop; sessions over ssh or as a service have none",
		}
	case 1058, 1060, 1062, 1722: // ERROR_SERVICE_DISABLED, _DOES_NOT_EXIST, _NOT_ACTIVE, RPC_S_SERVER_UNAVAILABLE
		return &Error{
			Kind: NoKeychain,
			Err:  errors.New("the Credential Manager service is not running"),
			Hint: "start it with `sc start VaultSvc` as an administrator",
			Fix:  "sc start VaultSvc",
		}
	case 5: // ERROR_ACCESS_DENIED
		return &Error{
			Kind: Refused,
			Err:  errors.New("Credential Manager denied access"),
			Hint: "run as the user who stored the key; a policy may also forbid saving credentials",
		}
	case 1223: // ERROR_CANCELLED
		return &Error{Kind: Refused, Err: errors.New("the prompt was canceled"), Hint: "try again and allow it"}
	case 1460: // ERROR_TIMEOUT
		return &Error{Kind: Timeout, Err: errors.New("Credential Manager did not answer"), Hint: "try again"}
	case 1783, 534: // RPC_X_BAD_STUB_DATA (for a blob of more than 2560 bytes), ERROR_ARITHMETIC_OVERFLOW
		return errTooLarge
	}
	return &Error{Err: fmt.Errorf("Credential Manager failed with Windows error %d", code), Hint: fmt.Sprintf("look the code up with `net helpmsg %d`", code)}
}

// Commands that fix a Linux keychain. gnome-keyring-daemon reads its whole stdin as the password,
// including a final newline, so askPassword pipes the password without a newline.
const (
	askPassword         = `bash -c 'read -rsp "Keyring password: " p && printf %s "$p"' | `
	startGnomeKeyring   = askPassword + "gnome-keyring-daemon --unlock"
	restartGnomeKeyring = askPassword + "gnome-keyring-daemon --replace --unlock"
	unsetBus            = "unset DBUS_SESSION_BUS_ADDRESS"
	// unlockKeyrings asks for the passwords of all keyrings that have a key of ocgo-key.
	// secret-tool also prints the keys, so its output is discarded.
	unlockKeyrings = "secret-tool search --all --unlock service " + Service + " >/dev/null 2>&1"
)

// Errors for the states of a Linux keychain. Each has its own message and next step.
var (
	errNoBus = &Error{
		Kind: NoKeychain,
		Err:  errors.New("there is no D-Bus session bus"),
		Hint: "run in a desktop session, or under `dbus-run-session`; if a bus is running (under sudo, cron or ssh), set DBUS_SESSION_BUS_ADDRESS to its address",
		Fix:  `dbus-run-session -- "$SHELL"`,
	}
	errBusUnreachable = &Error{
		Kind: NoKeychain,
		Err:  errors.New("the D-Bus session bus can't be reached"),
		Hint: "DBUS_SESSION_BUS_ADDRESS may come from a session that has ended: log in again, or set it to the address of the running bus",
		Fix:  unsetBus,
	}
	errBusDenied = &Error{
		Kind: NoKeychain,
		Err:  errors.New("the D-Bus session bus refuses this user"),
		Hint: "run as the user of the session, not under sudo or su",
		Fix:  "exit",
	}
	errNoService = &Error{
		Kind: NoKeychain,
		Err:  errors.New("no keychain service is on the D-Bus session bus"),
		Hint: "install and start gnome-keyring, KWallet, or KeePassXC with its Secret Service integration",
		Fix:  startGnomeKeyring,
	}
	errNoDefaultKeyring = &Error{
		Kind: NoKeychain,
		Err:  errors.New("the keychain service has no default keyring"),
		Hint: "create one and make it the default, for instance in Passwords and Keys (seahorse), or log in with your password, which creates one",
		Fix:  restartGnomeKeyring,
	}
	errKeyringLocked = &Error{
		Kind: Locked,
		Err:  errors.New("the keychain is locked"),
		Hint: "unlock it on the desktop (Passwords and Keys, KWalletManager, KeePassXC) and answer its prompt; without a desktop, run `gnome-keyring-daemon --replace --unlock`, which reads the password from stdin, without a newline",
		Fix:  restartGnomeKeyring,
	}
	errBusSilent = &Error{
		Kind: Timeout,
		Err:  errors.New("the D-Bus session bus does not answer"),
		Hint: "DBUS_SESSION_BUS_ADDRESS may be wrong: log in again, or set it to the address of the running bus",
		Fix:  unsetBus,
	}
	errServiceSilent = &Error{
		Kind: Timeout,
		Err:  errors.New("the keychain service does not answer"),
		Hint: "check whether the service shows a prompt on the screen; if not, restart it",
		Fix:  restartGnomeKeyring,
	}
	errServiceEnded = &Error{
		Kind: NoKeychain,
		Err:  errors.New("the keychain service ended during the call"),
		Hint: "restart it, and try again",
		Fix:  restartGnomeKeyring,
	}
	errBusLost = &Error{
		Err:  errors.New("the D-Bus connection was lost during the call"),
		Hint: "check that the keychain service is running, and try again",
		Fix:  restartGnomeKeyring,
	}
)

// dbusError returns the error for the name of a D-Bus error. The error's text is not used, since
// the service could put anything into it. Names: D-Bus Specification, and Secret Service API 0.2,
// "Errors".
func dbusError(name string) *Error {
	switch name {
	case "org.freedesktop.DBus.Error.ServiceUnknown",
		"org.freedesktop.DBus.Error.NameHasNoOwner",
		"org.freedesktop.DBus.Error.Spawn.ServiceNotFound",
		"org.freedesktop.DBus.Error.Spawn.ServiceNotValid",
		"org.freedesktop.DBus.Error.Spawn.ExecFailed",
		"org.freedesktop.DBus.Error.Spawn.ForkFailed",
		"org.freedesktop.DBus.Error.Spawn.ChildExited",
		"org.freedesktop.DBus.Error.Spawn.ChildSignaled",
		"org.freedesktop.DBus.Error.Spawn.Failed",
		"org.freedesktop.DBus.Error.Spawn.FileInvalid",
		"org.freedesktop.DBus.Error.Spawn.PermissionsInvalid",
		"org.freedesktop.DBus.Error.Spawn.SetupFailed",
		"org.freedesktop.DBus.Error.Spawn.ConfigInvalid":
		return errNoService
	case "org.freedesktop.Secret.Error.IsLocked":
		return errKeyringLocked
	case "org.freedesktop.Secret.Error.NoSuchObject":
		return errNoDefaultKeyring
	case "org.freedesktop.DBus.Error.AccessDenied",
		"org.freedesktop.DBus.Error.InteractiveAuthorizationRequired":
		return &Error{
			Kind: Refused,
			Err:  errors.New("the keychain service denied access"),
			Hint: "allow ocgo-key in the keychain's settings; inside a sandbox, give it access to org.freedesktop.secrets",
		}
	case "org.freedesktop.DBus.Error.AuthFailed":
		return errBusDenied
	case "org.freedesktop.DBus.Error.NoReply": // the bus sends this if the service ends before it answers
		return errServiceEnded
	case "org.freedesktop.DBus.Error.Timeout",
		"org.freedesktop.DBus.Error.TimedOut":
		return &Error{
			Kind: Timeout,
			Err:  errors.New("the keychain service did not answer"),
			Hint: "check that the service is running (it may have just ended), and try again",
			Fix:  restartGnomeKeyring,
		}
	case "org.freedesktop.DBus.Error.Disconnected":
		return errBusLost
	}
	return &Error{
		Err:  errors.New("the keychain service failed with " + name),
		Hint: "check that the keychain service works, for instance with `secret-tool`, and try again",
	}
}
